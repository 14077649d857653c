"""Parquet files of encoded images and labels, as Hugging Face writes them."""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.datasets.files import Files
from storage.datasets.labels import class_ids
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, to_samples, train_first
from storage.datasets.splits import split_of
from storage.errors import BadImageError, InputError
from storage.formats.arrays import IMAGE_WORDS, LABEL_WORDS

READ_BYTES = 2**20  # of images that are taken from a row group together
MOST_ROWS = 2**10  # of them, however small: what is there several times may be stored once
BUFFER = 2**20
EMPTY = BadImageError("empty", "the row holds no image")
GONE = BadImageError("unreadable", "the file does not have this row any more")
LABEL_COLUMNS = ("label", "labels", "fine_label")

Int64 = npt.NDArray[np.int64]


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith(".parquet")


def find_parquet(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if Parquet files with a column of images are among some names in a folder."""
    found = sorted(name for name in names if name.endswith(".parquet"))
    if not found:
        return None
    schema = _open(files, found[0]).schema_arrow
    column = _image_column(schema)
    return ParquetSource(files, found, column, schema) if column else None


def _open(files: Files, path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(files.local(path) or files.open(path), buffer_size=BUFFER, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"{files}/{path} is not a complete Parquet file: {error}; get it again.") from None


def _image_column(schema: pa.Schema) -> str | None:
    """Path of the column that holds encoded images."""
    for field in sorted(schema, key=lambda field: field.name.lower() not in IMAGE_WORDS):
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return f"{field.name}.bytes"
        if _is_binary(field.type):
            return str(field.name)
    return None


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


class ParquetSource(ListedSource):
    """Rows of Parquet files; keys are FILE.parquet/ROW.

    Parameters
    ----------
    files, paths
        The files.
    column
        Path of the column with the images.
    schema
        Of the first file.

    Raises
    ------
    InputError
        If no column has labels.
    """

    layout = None

    def __init__(self, files: Files, paths: Sequence[str], column: str, schema: pa.Schema) -> None:
        self._files = files
        self._paths = sorted(paths)
        self._column = column
        features = _features(schema)
        labels = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"]
        labels += [name for name in schema.names if name.lower() in LABEL_WORDS]
        if not labels:
            raise InputError(
                f"{files}/{self._paths[0]} has the columns {', '.join(schema.names)}, none of them called label."
            )
        self._label = next((name for name in LABEL_COLUMNS if name in labels), labels[0])
        names = features.get(self._label, {}).get("names")
        self._names = [str(name) for name in names] if isinstance(names, list) else None
        # One file is read at a time, from its beginning to its end.
        self._opened = lru_cache(maxsize=1)(lambda path: _open(files, path))

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The names in the schema's metadata, or the labels; and all images, train first, in the order of the files."""
        labels = [_open(self._files, path).read([self._label])[0] for path in self._paths]
        counts = [len(part) for part in labels]
        ends = np.cumsum(counts)

        def where(row: int) -> str:
            file = int(np.searchsorted(ends, row, "right"))
            return f"{self._files}/{self._paths[file]}/{row - int(ends[file]) + counts[file]:07d}"

        chunks = [chunk for part in labels for chunk in part.chunks]
        classes, ids = class_ids(pa.chunked_array(chunks, labels[0].type), self._names, where)
        return classes, train_first(to_samples(self._batches(counts, ids)))

    def _batches(self, counts: Sequence[int], ids: pa.ChunkedArray) -> Iterator[dict[str, Any]]:
        before = 0
        for path, count in zip(self._paths, counts, strict=True):
            stamp = self._files.stamp(path)
            for start in range(0, count, LISTED_AT_ONCE):
                rows = range(start, min(start + LISTED_AT_ONCE, count))
                yield {
                    "key": [f"{path}/{row:07d}" for row in rows],
                    "class_id": ids.slice(before + start, len(rows)).combine_chunks(),
                    "split": split_of(path),
                    "stamp": [stamp] * len(rows),
                }
            before += count

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each image; rows are decoded in their order, some at a time."""
        places = pc.split_pattern(samples["key"].combine_chunks(), "/", max_splits=1, reverse=True)
        files = pc.list_element(places, 0).dictionary_encode()
        names, numbers = files.dictionary.to_pylist(), files.indices.to_numpy()
        rows = pc.list_element(places, 1).cast(pa.int64()).to_numpy()
        apart = (numbers[1:] != numbers[:-1]) | (rows[1:] <= rows[:-1])
        for start, stop in pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(rows)]):
            for images in self._images(names[numbers[start]], rows[start:stop]) if start < stop else ():
                yield from images

    def _images(self, path: str, rows: Int64) -> Iterator[list[bytes | BadImageError]]:
        """Images in ascending rows of a file, some at a time."""
        file = self._opened(path)
        first = 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
            if len(wanted):
                yield from self._of_group(file, group, wanted)
            first = last
        yield [GONE] * (len(rows) - int(np.searchsorted(rows, first)))

    def _of_group(self, file: pq.ParquetFile, group: int, rows: Int64) -> Iterator[list[bytes | BadImageError]]:
        """Images in ascending rows of a row group, some at a time."""
        first = 0
        batches = file.iter_batches(
            self._at_once(file, group), row_groups=[group], columns=[self._column], use_threads=False
        )
        for batch in batches:
            column = batch.column(0)
            values = column.field("bytes") if pa.types.is_struct(column.type) else column
            last = first + len(values)
            wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first
            images = values.to_numpy(zero_copy_only=False)[wanted].tolist()
            yield [EMPTY if image is None else image for image in images] if values.null_count else images
            if last > rows[-1]:
                return
            first = last

    def _at_once(self, file: pq.ParquetFile, group: int) -> int:
        """How many rows of a row group to decode together."""
        described = file.metadata.row_group(group)
        columns = (described.column(number) for number in range(described.num_columns))
        size = sum(column.total_uncompressed_size for column in columns if column.path_in_schema == self._column)
        return max(1, min(MOST_ROWS, int(READ_BYTES * described.num_rows / max(1, size))))


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What Hugging Face says of each column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    entries = features.items() if isinstance(features, dict) else ()
    return {name: feature for name, feature in entries if isinstance(feature, dict)}
