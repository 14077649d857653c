"""CIFAR-10 and CIFAR-100, in their binary version and as pickles for Python."""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.files import Files
from storage.datasets.labels import class_ids, one_a_sample
from storage.datasets.ranges import read_ranges
from storage.datasets.source import ListedSource, Source, to_samples
from storage.errors import BadImageError, InputError
from storage.formats.arrays import ArraySource, Split
from storage.formats.rows import StridedRows
from storage.formats.unpickling import load
from storage.pixels.layout import PixelLayout

# https://www.cs.toronto.edu/~kriz/cifar.html: a label byte (two in CIFAR-100), then each color plane row by row.
LAYOUT = PixelLayout(32, 32, 3, planar=True)
BATCHES = {**{f"data_batch_{number}": "train" for number in range(1, 6)}, "test_batch": "test"}
BATCHES_100 = {"train": "train", "test": "test"}
NAMES, NAMES_100 = "batches.meta.txt", "fine_label_names.txt"
META, META_100 = "batches.meta", "meta"
FILES = frozenset(
    {*BATCHES, *BATCHES_100, *(f"{batch}.bin" for batch in (*BATCHES, *BATCHES_100)), NAMES, NAMES_100, META, META_100}
)
LARGEST = 2**30  # bytes to read of a pickle at most
BLOCK = 1000  # images whose labels are read together


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return posixpath.basename(name) in FILES


def find_cifar(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if CIFAR's files are among some names in a folder."""
    for batches, labels, lines, meta in ((BATCHES, 1, NAMES, META), (BATCHES_100, 2, NAMES_100, META_100)):
        binary = [f"{batch}.bin" for batch in batches if f"{batch}.bin" in names]
        if binary:
            return _binary(files, binary, labels, _lines(files, lines, names))
        pickled = {batch: split for batch, split in batches.items() if batch in names}
        if pickled and (labels == 1 or meta in names):
            return PickleSource(files, pickled, meta if meta in names else None)
    return None


def _lines(files: Files, name: str, names: Sequence[str]) -> list[str] | None:
    if name not in names:
        return None
    return [line.strip() for line in files.read(name).decode("utf-8", "replace").splitlines() if line.strip()]


def _binary(files: Files, binary: Sequence[str], labels: int, names: list[str] | None) -> Source:
    record = labels + LAYOUT.nbytes
    batches: dict[str, list[StridedRows]] = {"train": [], "test": []}
    for name in sorted(binary):
        size = files.size(name)
        if not size:
            raise InputError(f"{files}/{name} is empty; download it again.")
        if size % record:
            raise InputError(
                f"{files}/{name} has {size} bytes, which is no multiple of the {record} of an image; download it again."
            )
        rows = StridedRows(partial(files.read, name), size // record, labels, record, LAYOUT.nbytes)
        batches["test" if name.startswith("test") else "train"].append(rows)
    splits = {
        split: Split(_Joined(parts), partial(_label_bytes, parts, labels)) for split, parts in batches.items() if parts
    }
    return ArraySource(str(files), splits, LAYOUT, names)


def _label_bytes(parts: Sequence[StridedRows], labels: int) -> npt.NDArray[np.uint8]:
    """The last label byte of every image."""
    records = [replace(part, offset=labels - 1, nbytes=1) for part in parts]
    read = (part.read(start, min(start + BLOCK, len(part))) for part in records for start in range(0, len(part), BLOCK))
    return np.frombuffer(b"".join(byte for block in read for byte in block), np.uint8)


class _Joined:
    """Several batches, joined."""

    chunk = 1

    def __init__(self, parts: Sequence[StridedRows]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, start: int, stop: int) -> list[bytes]:
        """See `storage.formats.arrays.Rows`."""
        found: list[bytes] = []
        for part, end in zip(self._parts, self._ends.tolist(), strict=True):
            first, last = max(start - (end - len(part)), 0), min(stop - (end - len(part)), len(part))
            if first < last:
                found += part.read(first, last)
        return found


class PickleSource(ListedSource):
    """Batches in the version for Python; keys are BATCH/ROW.

    Only listing unpickles them. Pixels are stored in a pickle unchanged, so workers read them by their place in it.

    Parameters
    ----------
    files, batches
        The files, and the split of each batch.
    meta
        The file with the class names, if there is one.
    """

    layout = LAYOUT

    def __init__(self, files: Files, batches: dict[str, str], meta: str | None) -> None:
        self._files, self._batches, self._meta = files, batches, meta

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names from the file of names, or the different labels; and all images in the order of the batches."""
        found = {name: self._look(name) for name in sorted(self._batches, key=self._order)}
        keys = [f"{name}/{row:07d}" for name, (labels, _) in found.items() for row in range(len(labels))]
        labels = pa.chunked_array([labels for labels, _ in found.values()])
        classes, ids = class_ids(labels, self._names(), lambda row: f"{self._files}/{keys[row]}")
        offsets = [first + LAYOUT.nbytes * row for labels, first in found.values() for row in range(len(labels))]
        columns = {
            "key": keys,
            "class_id": ids.combine_chunks(),
            "split": [self._batches[key.split("/")[0]] for key in keys],
            "offset": offsets,
            "length": np.full(len(keys), LAYOUT.nbytes),
        }
        return classes, to_samples([columns])

    def _order(self, name: str) -> tuple[bool, str]:
        return self._batches[name] != "train", name

    def _look(self, name: str) -> tuple[pa.Array, int]:
        """Labels of a batch, and the position of its first pixel in the file."""
        where = f"{self._files}/{name}"
        content = self._files.read(name, 0, LARGEST)
        batch = load(content, where)
        data = np.asarray(_entry(batch, "data"))
        if data.dtype != np.uint8 or data.shape[1:] != (LAYOUT.nbytes,):
            raise InputError(f"{where} is not a batch of CIFAR: it has no array data of (n, {LAYOUT.nbytes}) bytes.")
        pixels = np.ascontiguousarray(data).tobytes()
        first = content.find(pixels)
        if first < 0:
            raise InputError(f"The pixels of {where} are not stored as they are; save it with pickle's protocol 4.")
        return one_a_sample(np.asarray(_entry(batch, "labels", "fine_labels")), len(data), where), first

    def _names(self) -> list[str] | None:
        if self._meta is None:
            return None
        meta = load(self._files.read(self._meta, 0, LARGEST), f"{self._files}/{self._meta}")
        names = _entry(meta, "label_names", "fine_label_names")
        return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names] or None

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The pixels of each image, neighbors in one read."""
        return read_ranges(self._files, samples, _batch_files, "no place in the batch is known")


def _batch_files(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(keys, "/.*", "")


def _entry(batch: Any, *names: str) -> Any:  # noqa: ANN401 - whatever was pickled
    """The first list or array in a pickled dictionary under one of some names, which Python 2 pickles as bytes."""
    entries = batch if isinstance(batch, dict) else {}
    found = (entries.get(name.encode(), entries.get(name)) for name in names)
    return next((entry for entry in found if isinstance(entry, list | np.ndarray)), [])
