"""Common parts of datasets whose images are rows of an array: IDX, NumPy, Zarr, HDF5, CIFAR."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.datasets.files import Files, unreadable
from storage.datasets.findings import Finding, Findings
from storage.datasets.kept_columns import KeptColumns, columns_of_table
from storage.datasets.labels import (
    LABELS,
    SEVERAL,
    class_ids,
    in_one_type,
    one_a_sample,
    require_as_many,
    several_a_sample,
)
from storage.datasets.source import LISTED_AT_ONCE, Reporting, to_samples
from storage.datasets.splits import TRAIN, in_order, split_word, words_of
from storage.errors import BadImageError, InputError
from storage.pixels.layout import PixelLayout

READ_BYTES = 4 * 2**20  # size of neighboring rows that are read together
IMAGE_WORDS = frozenset({"images", "image", "imgs", "img", "x", "data", "pixels"})
FEATURE_WORDS = frozenset({"features", "feature", "embeddings", "embedding"})  # where there are no images
LABEL_WORDS = frozenset({"labels", "label", "y", "targets", "target", "classes"})
CLASSES_FILE = "classes.txt"
MOST_NAMED = 10
CHANNELS = frozenset({1, 3, 4})


class Rows(Protocol):
    """Images that are stored one after the other.

    Attributes
    ----------
    chunk
        Number of images in a chunk, which can only be read whole.
    """

    @property
    def chunk(self) -> int: ...  # noqa: D102

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterable[bytes | BadImageError]:
        """Stored bytes of some images, or the reason why one cannot be read; raises OSError if none can."""
        ...


@dataclass(frozen=True)
class Split:
    """Images of one split, and a function that reads their labels (n,)."""

    rows: Rows
    labels: Callable[[], npt.NDArray[Any]]


class ArraySource(Reporting):
    """Rows of one or more splits; keys are SPLIT/ROW.

    Parameters
    ----------
    address
        Name of the dataset for messages.
    splits
        The images by split.
    layout
        Layout of each image.
    names
        Class names, if the dataset has them.
    findings
        Findings on the arrays so far, to which listing adds.
    """

    def __init__(
        self,
        address: str,
        splits: Mapping[str, Split],
        layout: PixelLayout,
        names: Sequence[str] | None = None,
        findings: Findings | None = None,
    ) -> None:
        self.layout = layout
        if findings is not None:
            self.findings = findings
        self._address = address
        self._splits = {name: splits[name] for name in sorted(splits, key=in_order)}
        self._names = names

    @property
    def classes(self) -> tuple[str, ...]:
        """The dataset's own class names, or the different labels."""
        return self._labelled[0]

    @property
    def columns(self) -> KeptColumns | None:
        """The column `labels` of arrays with several labels an image, as lists."""
        if self._several is None:
            return None
        return columns_of_table(self.samples()["key"], pa.table({LABELS: self._several}))

    @cached_property
    def _several(self) -> pa.Array | None:
        return several_a_sample(self._arrays, self._names)

    @cached_property
    def _where(self) -> list[str]:
        return [f"the split {name} of {self._address}" for name in self._splits]

    @cached_property
    def _arrays(self) -> list[npt.NDArray[Any]]:
        """The labels of each split."""
        for split, name in zip(self._splits.values(), self._where, strict=True):
            if not len(split.rows):
                raise InputError(f"There are no images in {name}; give a file that has some.")
        return [split.labels() for split in self._splits.values()]

    @cached_property
    def _labelled(self) -> tuple[tuple[str, ...], pa.ChunkedArray]:
        where, sizes = self._where, [len(split.rows) for split in self._splits.values()]
        if self._several is not None:
            for array, size, name in zip(self._arrays, sizes, where, strict=True):
                require_as_many(len(array), size, name)
            text = f"Images may have several of {self._arrays[0].shape[1]} labels; they are in the column {LABELS}."
            self.findings.notes.append(Finding(SEVERAL, text, sum(sizes)))
            return (), pa.chunked_array([pa.nulls(sum(sizes), pa.int32())])
        each_split = zip(self._arrays, sizes, where, strict=True)
        chunks = [pa.chunked_array([one_a_sample(array, size, name)]) for array, size, name in each_split]
        keys = [key for name, split in self._splits.items() for key in (name, len(split.rows))]
        alike = len({each.type for each in chunks}) == 1
        labels = (
            pa.chunked_array(chunk for each in chunks for chunk in each.chunks) if alike else in_one_type(chunks, where)
        )
        return class_ids(labels, self._names, lambda row: f"{self._address}, {_place(keys, row)}")

    def samples(self) -> pa.Table:
        """All rows, train first, in the order of the arrays."""
        return to_samples(self._batches())

    def _batches(self) -> Iterator[dict[str, Any]]:
        ids, before = self._labelled[1], 0
        for name, split in self._splits.items():
            for start in range(0, len(split.rows), LISTED_AT_ONCE):
                stop = min(start + LISTED_AT_ONCE, len(split.rows))
                keys = [f"{name}/{row:07d}" for row in range(start, stop)]
                yield {"key": keys, "class_id": ids.slice(before + start, stop - start).combine_chunks(), "split": name}
            before += len(split.rows)

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The pixels of each image, neighboring rows in one read."""
        places = ((split, int(row)) for split, row in (key.rsplit("/", 1) for key in samples["key"].to_pylist()))
        most = max(1, READ_BYTES // self.layout.nbytes)
        # Read whole chunks, each once, since reading a part of a chunk takes as long.
        steps = {
            name: max(1, most // split.rows.chunk) * min(split.rows.chunk, len(split.rows))
            for name, split in self._splits.items()
        }
        for split, start, stop in _runs(places, steps):
            try:
                yield from self._splits[split].rows.read(start, stop)
            except OSError as error:
                yield from [unreadable(error)] * (stop - start)


def _place(counts: Sequence[Any], row: int) -> str:
    for name, count in zip(counts[::2], counts[1::2], strict=True):
        if row < count:
            return f"{name}/{row:07d}"
        row -= count
    raise IndexError(row)


def _runs(places: Iterable[tuple[str, int]], steps: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Runs of neighbors in a split, as (split, start, stop); none crosses a multiple of the split's step."""
    split, start, stop = "", 0, 0
    for name, row in places:
        if name == split and row == stop and row % steps[name]:
            stop += 1
            continue
        if stop > start:
            yield split, start, stop
        split, start, stop = name, row, row + 1
    if stop > start:
        yield split, start, stop


def find_arrays(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Find the names of images and labels among names of arrays, as (images, labels) by split.

    Understands `images` and `labels`, `x_train` and `y_train`, `test/data` and `test/target`, and similar names. A name
    without a split belongs to the split train. A word that all names have, as in kmnist-train-imgs, is left out.
    """
    found: dict[str, dict[str, str]] = {}
    words_by_name = {name: words_of(name) for name in sorted(names)}
    everywhere = set.intersection(*map(set, words_by_name.values())) if words_by_name else set()
    for name, words in words_by_name.items():
        splits = {split for split in map(split_word, words) if split}
        others = {word for word in words if not split_word(word)}
        others -= everywhere - IMAGE_WORDS - FEATURE_WORDS - LABEL_WORDS
        kinds_of = {"images": IMAGE_WORDS, "features": FEATURE_WORDS, "labels": LABEL_WORDS}
        kind = next((kind for kind, known in kinds_of.items() if others <= known), None)
        if kind and others and len(splits) <= 1:
            found.setdefault(splits.pop() if splits else TRAIN, {}).setdefault(kind, name)
    return {
        split: (kinds.get("images", kinds.get("features", "")), kinds["labels"])
        for split, kinds in found.items()
        if "labels" in kinds and len(kinds) > 1
    }


def layout_of(shape: Sequence[int], dtype: npt.DTypeLike, where: str) -> PixelLayout:
    """The layout of each image in an array (images, height, width[, channels]) or (images, channels, height, width).

    Rows of an array (n, features) are features, with height 1.

    Raises
    ------
    InputError
        If the array cannot hold images.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "buif":
        raise InputError(f"{where} holds values of type {dtype}, not pixels; only plain numbers are read.")
    white = 1 if dtype.kind == "b" else None
    match [int(side) for side in shape[1:]]:
        case [0]:
            raise InputError(f"{where} has the shape {tuple(shape)}: its rows have no features.")
        case [*sides] if 0 in sides:
            raise InputError(f"{where} has the shape {tuple(shape)}: its images have no pixels.")
        case [features]:
            return PixelLayout(1, features, 1, dtype.str, features=True)
        case [height, width]:
            return PixelLayout(height, width, 1, dtype.str, white=white)
        case [height, width, channels] if channels in CHANNELS:
            return PixelLayout(height, width, channels, dtype.str, white=white)
        case [channels, height, width] if channels in CHANNELS:
            return PixelLayout(height, width, channels, dtype.str, planar=True, white=white)
    raise InputError(
        f"{where} has the shape {tuple(shape)}; images are (n, height, width), (n, height, width, channels) or "
        "(n, channels, height, width) with 1, 3 or 4 channels, and features are (n, features)."
    )


class StoredArray(Protocol):
    """An array as a format stores it."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        ...

    @property
    def dtype(self) -> npt.DTypeLike:
        """Type of its values."""
        ...

    def check(self) -> None:
        """Raise InputError if the array is not complete."""
        ...

    def rows(self, layout: PixelLayout) -> Rows:
        """The array's images."""
        ...

    def values(self) -> npt.NDArray[Any]:
        """All values of a complete array."""
        ...


def array_source(
    address: str,
    pairs: Mapping[str, tuple[StoredArray, StoredArray]],
    names: Sequence[str] | None = None,
    findings: Findings | None = None,
) -> ArraySource:
    """Make a dataset from arrays of images and labels by split.

    Raises
    ------
    InputError
        If they do not hold images of one size and type.
    """
    layouts = {split: layout_of(images.shape, images.dtype, images.name) for split, (images, _) in pairs.items()}
    if len(set(layouts.values())) > 1:
        shown = ", ".join(f"{name} {layout.width} x {layout.height} {layout.mode}" for name, layout in layouts.items())
        raise InputError(f"The splits of {address} hold images of different sizes or types: {shown}; name one of them.")
    layout = next(iter(layouts.values()))
    splits = {
        split: Split(images.rows(layout), partial(_checked_labels, images, labels))
        for split, (images, labels) in pairs.items()
    }
    return ArraySource(address, splits, layout, names, findings)


def _checked_labels(images: StoredArray, labels: StoredArray) -> npt.NDArray[Any]:
    images.check()
    labels.check()
    return labels.values()


def named_pairs(address: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Find names of images and labels by split with `find_arrays`.

    Raises
    ------
    InputError
        If it finds none.
    """
    names = sorted(names)
    pairs = find_arrays(names)
    if not pairs:
        raise InputError(
            f"The arrays of {address} are called {', '.join(names[:MOST_NAMED]) or 'nothing'}: call them images and "
            "labels, or train_images, train_labels, test_images, test_labels."
        )
    return pairs


def class_names(files: Files, names: Iterable[str]) -> list[str] | None:
    """Class names, one per line, from the file `classes.txt`, if it is among some names in a folder."""
    if CLASSES_FILE not in names:
        return None
    try:
        return files.read(CLASSES_FILE).decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise InputError(f"{files}/{CLASSES_FILE} is not UTF-8; save it again.") from None


def attribute_names(attributes: Mapping[str, Any]) -> list[str] | None:
    """Class names from the attribute `classes` or `class_names`, if there is one."""
    for name in ("classes", "class_names"):
        if name in attributes and not isinstance(attributes[name], str | int | float):
            return [
                entry.decode("utf-8", "replace") if isinstance(entry, bytes) else str(entry)
                for entry in attributes[name]
            ]
    return None
