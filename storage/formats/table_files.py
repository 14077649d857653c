"""Files of Parquet and of Arrow as tables that are read in batches of a few rows."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.datasets.files import Files
from storage.errors import InputError
from storage.formats.unpacking import Unpacked

BUFFER = 2**20  # bytes
MAGIC = b"ARROW1"  # of files of Arrow; others are streams


class TableFile(Protocol):
    """A table in groups of rows.

    Attributes
    ----------
    schema
        Its columns.
    counts
        Number of rows in each group.
    """

    schema: pa.Schema
    counts: list[int]

    def column(self, name: str) -> pa.ChunkedArray:
        """A whole column."""
        ...

    def batches(self, group: int, columns: Sequence[str], most: int) -> Iterator[pa.RecordBatch]:
        """Columns of a group, or parts of columns such as `image.bytes`, in batches of up to `most` rows."""
        ...

    def nbytes(self, group: int, column: str) -> int:
        """Size of a column of a group in memory."""
        ...

    def is_full(self, column: str) -> bool:
        """Whether the file shows that no value of a column is null."""
        ...


class ParquetTable:
    """A Parquet file; see `TableFile`."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file, self.schema = file, file.schema_arrow
        self._groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        self.counts: list[int] = [group.num_rows for group in self._groups]

    def column(self, name: str) -> pa.ChunkedArray:
        """See `TableFile`."""
        return self._file.read([name]).column(name)

    def batches(self, group: int, columns: Sequence[str], most: int) -> Iterator[pa.RecordBatch]:
        """See `TableFile`."""
        return self._file.iter_batches(most, row_groups=[group], columns=columns, use_threads=False)  # type: ignore[no-any-return]

    def nbytes(self, group: int, column: str) -> int:
        """See `TableFile`."""
        return sum(each.total_uncompressed_size for each in self._described(group, column))

    def is_full(self, column: str) -> bool:
        """See `TableFile`."""
        described = (each for group in range(len(self.counts)) for each in self._described(group, column))
        return all(
            each.is_stats_set and each.statistics.has_null_count and not each.statistics.null_count
            for each in described
        )

    def _described(self, group: int, column: str) -> Iterator[Any]:
        every = (self._groups[group].column(number) for number in range(self._groups[group].num_columns))
        return (each for each in every if each.path_in_schema == column)


class ArrowTable:
    """Record batches of Arrow, which lie in a file that is mapped into memory; see `TableFile`."""

    def __init__(self, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> None:
        self.schema, self._batches = schema, batches
        self.counts = [len(batch) for batch in batches]

    def column(self, name: str) -> pa.ChunkedArray:
        """See `TableFile`."""
        return pa.chunked_array([batch.column(name) for batch in self._batches], self.schema.field(name).type)

    def batches(self, group: int, columns: Sequence[str], most: int) -> Iterator[pa.RecordBatch]:
        """See `TableFile`."""
        chosen = self._batches[group].select([self._name(column) for column in columns])
        return (chosen.slice(start, most) for start in range(0, len(chosen), most))

    def nbytes(self, group: int, column: str) -> int:
        """See `TableFile`."""
        return int(self._batches[group].column(self._name(column)).nbytes)

    def is_full(self, column: str) -> bool:
        """See `TableFile`."""
        values = (batch.column(self._name(column)) for batch in self._batches)
        parts = (pc.struct_field(each, "bytes") if pa.types.is_struct(each.type) else each for each in values)
        return not any(part.null_count for part in parts)

    def _name(self, column: str) -> str:
        return top_of(column, self.schema)


def top_of(column: str, schema: pa.Schema) -> str:
    """Name of the column that a path such as `image.bytes` leads into; a name may have dots itself."""
    return column if column in schema.names else column.rpartition(".")[0]


def open_parquet(files: Files, path: str) -> TableFile:
    """Open a Parquet file.

    Raises
    ------
    InputError
        If it is not complete.
    """
    try:
        file = pq.ParquetFile(files.local(path) or files.open(path), buffer_size=BUFFER, pre_buffer=False)
        _require_names(file.schema_arrow)
        return ParquetTable(file)
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InputError(f"{files}/{path} is not a complete Parquet file: {error}; get it again.") from None


def open_arrow(files: Files, path: str) -> TableFile:
    """Open a file or a stream of Arrow. One that is elsewhere is copied to a temporary file first.

    Raises
    ------
    InputError
        If it is not complete, or its values are not where it says.
    """
    size = files.size(path)
    try:
        with files.open(path) as file:
            is_file = file.read(len(MAGIC)) == MAGIC
        content = pa.py_buffer(_mapped(files, path, size))
        with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(content) as reader:
            batches = (
                [reader.get_batch(number) for number in range(reader.num_record_batches)] if is_file else list(reader)
            )
            _require_names(reader.schema)
            for batch in batches:
                batch.validate(full=True)
            return ArrowTable(reader.schema, batches)
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{files}/{path} is not a complete Arrow file: {problem}; get it again.") from None


def _require_names(schema: pa.Schema) -> None:
    """Raise UnicodeDecodeError if the name of a column is not UTF-8."""
    _ = schema.names


def _mapped(files: Files, path: str, size: int) -> Any:  # noqa: ANN401 - a buffer
    if size <= BUFFER:
        return files.read(path)
    local = files.local(path)
    if local is not None:
        return np.memmap(local, np.uint8, "r")
    copied = Unpacked(lambda: files.open(path), size, f"{files}/{path}", size)
    return np.memmap(copied.file(), np.uint8, "r")
