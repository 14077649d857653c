"""Parquet files of encoded images and labels, as Hugging Face writes them."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.access import require_size
from storage.datasets.columns import label_column, require_once
from storage.datasets.files import Files, unreadable
from storage.datasets.kept_columns import AT_ONCE, KeptColumns, in_schema, kept_schema
from storage.datasets.labels import class_ids, in_one_type
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, to_samples, train_first
from storage.datasets.splits import TRAIN, split_named, split_of
from storage.errors import BadImageError, InputError
from storage.formats.arrays import IMAGE_WORDS
from storage.formats.list_paths import keys_of, read_keys
from storage.formats.table_files import TableFile, open_parquet, top_of
from storage.setting_groups import Reading

READ_BYTES = 2**20  # size of images to decode together from a row group
MOST_ROWS = 2**10  # to decode together, however small their size: repeated images may be stored only once
EMPTY = BadImageError("empty", "the row holds no image")
GONE = BadImageError("unreadable", "the file does not have this row any more")
CONVERTED = re.compile(r"(?:^|/)([^/]+)/([^/]+)/[0-9]{4}\.parquet$")
LABEL_COLUMNS = ("label", "labels", "fine_label")

Int64 = npt.NDArray[np.int64]


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.lower().endswith(".parquet")


def find_parquet(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if Parquet files with a column of images are among some names in a folder."""
    found = sorted(filter(knows, names))
    if not found:
        return None
    _require_one_configuration(files, found)
    column = image_column(open_parquet(files, found[0]).schema)
    return ParquetSource(files, found, column, reading) if column else None


def _require_one_configuration(files: Files, paths: Sequence[str]) -> None:
    """Refuse several configurations of a dataset, which the Hub converts to CONFIGURATION/SPLIT/0000.parquet.

    Raises
    ------
    InputError
        Naming them.
    """
    found = sorted({match[1] for path in paths if (match := CONVERTED.search(path)) and split_named(match[2])})
    if len(found) > 1:
        raise InputError(
            f"{files} holds {len(found)} configurations of a dataset: {', '.join(found[:3])}. Give the folder of one, "
            f"such as {files}/{found[0]}."
        )


def image_column(schema: pa.Schema) -> str | None:
    """Path of the column that holds encoded images."""
    for field in sorted(schema, key=lambda field: field.name.lower() not in IMAGE_WORDS):
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return f"{field.name}.bytes"
        if _is_binary(field.type):
            return str(field.name)
    return None


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


class Labels(NamedTuple):
    """Labels of a file (n,), the class names that their numbers refer to, if it has them, and its other columns."""

    values: pa.ChunkedArray
    names: Sequence[str] | None
    others: pa.Schema


def _numbered_in(names: Sequence[str], labels: Labels) -> pa.ChunkedArray:
    """Labels of a file as positions in the names of all files."""
    if labels.names is None or list(labels.names) == list(names) or not pa.types.is_integer(labels.values.type):
        return labels.values
    places = pa.array([names.index(name) for name in labels.names], pa.int64())
    known = pc.and_(pc.greater_equal(labels.values, 0), pc.less(labels.values, len(places)))
    # Labels out of range stay out of range: below 0, or beyond all names.
    beyond = pc.if_else(pc.less(labels.values, 0), labels.values.cast(pa.int64()), pa.scalar(len(names), pa.int64()))
    return pc.if_else(known, places.take(pc.if_else(known, labels.values, 0).combine_chunks()), beyond)


class ParquetSource(ListedSource):
    """Rows of Parquet files; keys are FILE.parquet/ROW.

    Parameters
    ----------
    files, paths
        The files.
    column
        Path of the column with the images.
    reading
        Names of columns that the user gave.
    opened
        Opens a file.
    split
        Gives the split of a file.
    """

    layout = None

    def __init__(  # noqa: PLR0913, PLR0917 - the last two are those of Parquet
        self,
        files: Files,
        paths: Sequence[str],
        column: str,
        reading: Reading,
        opened: Callable[[Files, str], TableFile] = open_parquet,
        split: Callable[[str], str | None] = split_of,
    ) -> None:
        self._files = files
        self._paths = sorted(paths)
        self._column, self._reading = column, reading
        # One file is read at a time, from its beginning to its end.
        self._opened = lru_cache(maxsize=1)(lambda path: opened(files, path))
        self._split = split

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names of the schemas' metadata, or the labels; and all images, train first, in the files' order."""
        found = self._labelled
        counts = [len(each.values) for each in found]
        ends = np.cumsum(counts)

        def where(row: int) -> str:
            file = int(np.searchsorted(ends, row, "right"))
            return f"{self._files}/{self._paths[file]}/{row - int(ends[file]) + counts[file]:07d}"

        names = list(dict.fromkeys(name for each in found for name in each.names or ()))
        addresses = [f"{self._files}/{path}" for path in self._paths]
        labels = in_one_type([_numbered_in(names, each) for each in found], addresses)
        classes, ids = class_ids(labels, names or None, where)
        return classes, train_first(to_samples(self._batches(counts, ids)))

    @cached_property
    def _labelled(self) -> list["Labels"]:
        return [self._labels(path) for path in self._paths]

    @cached_property
    def columns(self) -> KeptColumns | None:
        """All columns of the files, except those of images and labels."""
        schema = kept_schema([each.others for each in self._labelled], self.findings)
        return None if schema is None else KeptColumns(schema, partial(self._columns, schema))

    def _columns(self, schema: pa.Schema, samples: pa.Table) -> Iterator[pa.Table]:
        for path, rows in _runs(samples["key"]):
            file = self._opened(path)
            there = [name for name in schema.names if name in file.schema.names]
            with _refused_if_damaged(f"{self._files}/{path}"):
                for group, wanted in _by_group(file, rows):
                    for batch, places in _batches_with(file, group, there, AT_ONCE, wanted):
                        yield in_schema(pa.Table.from_batches([batch.select(there)]).take(places), schema)

    def _labels(self, path: str) -> "Labels":
        """The labels of a file, and the names that its own metadata has for them.

        Raises
        ------
        InputError
            If no column has labels.
        """
        file, where = self._opened(path), f"{self._files}/{path}"
        require_once(file.schema.names, where)
        features = _features(file.schema)
        others = [name for name in file.schema.names if name != top_of(self._column, file.schema)]
        label = self._reading.label_column
        if label is None:
            known = [name for name in others if features.get(name, {}).get("_type") == "ClassLabel"]
            label = next((name for name in LABEL_COLUMNS if name in known), *known[:1] or [None])
        name, why = label_column(others, label, where)
        if why and path == self._paths[0]:
            self.findings.notes.append(why)
        names = features.get(name, {}).get("names")
        with _refused_if_damaged(where):
            values = file.column(name)
        rest = pa.schema([_described(file.schema.field(other), features) for other in others if other != name])
        return Labels(values, [str(each) for each in names] if isinstance(names, list) else None, rest)

    def _batches(self, counts: Sequence[int], ids: pa.ChunkedArray) -> Iterator[dict[str, Any]]:
        before = 0
        for path, count in zip(self._paths, counts, strict=True):
            stamp = self._stamp(path)
            for start in range(0, count, LISTED_AT_ONCE):
                rows = range(start, min(start + LISTED_AT_ONCE, count))
                yield {
                    "key": [f"{path}/{row:07d}" for row in rows],
                    "class_id": ids.slice(before + start, len(rows)).combine_chunks(),
                    "split": self._split(path) or TRAIN,
                    "stamp": [stamp] * len(rows),
                }
            before += count

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """Read the bytes of each image; rows are decoded in their order, in batches."""
        for path, rows in _runs(samples["key"]):
            for images in self._images(path, rows):
                yield from images

    def _images(self, path: str, rows: Int64) -> Iterator[list[bytes | BadImageError]]:
        """Images in ascending rows of a file, in batches."""
        file = self._opened(path)
        for group, wanted in _by_group(file, rows):
            yield from self._or_damaged(wanted, self._of_group(file, group, wanted))
        yield [GONE] * (len(rows) - int(np.searchsorted(rows, sum(file.counts))))

    def _of_group(self, file: TableFile, group: int, rows: Int64) -> Iterator[list[bytes | BadImageError]]:
        """Images in ascending rows of a row group, in batches."""
        first = 0
        for batch, wanted in _batches_with(file, group, [self._column], self._at_once(file, group), rows):
            column = batch.column(0)
            values = pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column
            values = values.cast(pa.binary()) if pa.types.is_binary_view(values.type) else values
            images = values.to_numpy(zero_copy_only=False)[wanted].tolist()
            self._set_large_aside(values, wanted, images)
            yield self._with_named(file, group, wanted + first, images) if values.null_count else images
            first += len(values)

    def _or_damaged(
        self, rows: Int64, batches: Iterator[list[bytes | BadImageError]]
    ) -> Iterator[list[bytes | BadImageError]]:
        """Images of a row group in batches; those behind a damaged page cannot be read."""
        done = 0
        try:
            for images in batches:
                yield images
                done += len(images)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            yield [BadImageError("corrupt", f"its row group cannot be read: {_first_line(error)}")] * (len(rows) - done)

    def _set_large_aside(self, values: pa.Array, wanted: Int64, images: list[bytes | BadImageError | None]) -> None:
        """Replace images whose file is larger than allowed."""
        sizes = pc.binary_length(values)
        if (pc.max(sizes).as_py() or 0) <= self._files.access.max_image_bytes:
            return
        for place, size in enumerate(sizes.take(pa.array(wanted)).to_pylist()):
            try:
                require_size(size or 0, self._files.access)
            except OSError as error:
                images[place] = unreadable(error)

    def _with_named(
        self, file: TableFile, group: int, rows: Int64, images: list[bytes | BadImageError | None]
    ) -> list[bytes | BadImageError]:
        """Images in rows of a row group; if a row only names a file, its image is read from there."""
        paths: list[str | None] = [None] * len(rows)
        if self._has_paths(file):
            batches = file.batches(group, [_beside(self._column)], file.counts[group])
            column = pa.chunked_array([pc.struct_field(batch.column(0), "path") for batch in batches])
            paths = column.take(pa.array(rows)).to_pylist()
        named = [path for image, path in zip(images, paths, strict=True) if image is None and path is not None]
        read = read_keys(self._files, keys_of(named, self._files, f"{self._files}")[0])
        return [
            image if image is not None else EMPTY if path is None else next(read)
            for image, path in zip(images, paths, strict=True)
        ]

    def _has_paths(self, file: TableFile) -> bool:
        kind = file.schema.field(top_of(self._column, file.schema)).type
        return bool(pa.types.is_struct(kind) and kind.get_field_index("path") >= 0)

    def _stamp(self, path: str) -> bytes | None:
        """Stamp of a file that holds all its images; None if it names other files, which its stamp does not cover."""
        file = self._opened(path)
        return self._files.stamp(path) if not self._has_paths(file) or file.is_full(self._column) else None

    def _at_once(self, file: TableFile, group: int) -> int:
        """Number of rows of a row group to decode together."""
        size = file.nbytes(group, self._column)
        return max(1, min(MOST_ROWS, int(READ_BYTES * file.counts[group] / max(1, size))))


@contextmanager
def _refused_if_damaged(where: str) -> Iterator[None]:
    """Convert Arrow's errors about a damaged file to an InputError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise InputError(f"{where} is damaged: {_first_line(error)}; get it again.") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _runs(keys: pa.ChunkedArray) -> Iterator[tuple[str, Int64]]:
    """Split keys into runs of ascending rows of one file."""
    places = pc.split_pattern(keys.combine_chunks(), "/", max_splits=1, reverse=True)
    files = pc.list_element(places, 0).dictionary_encode()
    names, numbers = files.dictionary.to_pylist(), files.indices.to_numpy()
    rows = pc.list_element(places, 1).cast(pa.int64()).to_numpy()
    apart = (numbers[1:] != numbers[:-1]) | (rows[1:] <= rows[:-1])
    for start, stop in pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(rows)]):
        if start < stop:
            yield names[numbers[start]], rows[start:stop]


def _by_group(file: TableFile, rows: Int64) -> Iterator[tuple[int, Int64]]:
    """Row groups with some ascending rows of a file, and the rows in each, counted from its first."""
    first = 0
    for group, count in enumerate(file.counts):
        last = first + count
        wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
        if len(wanted):
            yield group, wanted
        first = last


def _batches_with(
    file: TableFile, group: int, columns: Sequence[str], most: int, rows: Int64
) -> Iterator[tuple[pa.RecordBatch, Int64]]:
    """Batches of up to `most` rows of a row group until the last wanted row, and the wanted rows in each."""
    first = 0
    for batch in file.batches(group, columns, most):
        last = first + len(batch)
        yield batch, rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
        if last > rows[-1]:
            return
        first = last


def _described(field: pa.Field, features: dict[str, dict[str, Any]]) -> pa.Field:
    """A field with the class names that its numbers refer to, if the file has them, as JSON in its metadata."""
    names = features.get(field.name, {}).get("names")
    return field.with_metadata({"classes": json.dumps(names)} if isinstance(names, list) else None)


def _beside(column: str) -> str:
    """The column of paths beside one of images."""
    return column.removesuffix("bytes") + "path"


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Hugging Face's description of each column, from the schema's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    entries = features.items() if isinstance(features, dict) else ()
    return {name: feature for name, feature in entries if isinstance(feature, dict)}
