"""Write and read Parquet tables."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import EigenwaveError
from storage.stores.files import replacing
from storage.stores.store import StorePath
from storage.tables.schemas import (
    SCHEMA_VERSION,
)

GROUP_ROWS = 2**16


class TableWriter:
    """Writes a table piece by piece in row groups of `GROUP_ROWS`, since readers parse the metadata of every group.

    Parameters
    ----------
    writer
        Writer of the file.
    group_bytes
        Size in memory at which a smaller row group is written.
    """

    def __init__(self, writer: pq.ParquetWriter, group_bytes: float = float("inf")) -> None:
        self._writer, self._group_bytes = writer, group_bytes
        self._held: list[pa.Table] = []
        self._rows, self._bytes = 0, 0

    def write(self, piece: pa.Table) -> None:
        """Add the next rows."""
        self._held.append(piece)
        self._rows += len(piece)
        self._bytes += piece.nbytes
        if self._bytes >= self._group_bytes:
            self._write(self._rows)
        elif self._rows >= GROUP_ROWS:
            self._write(self._rows // GROUP_ROWS * GROUP_ROWS)

    def close(self) -> None:
        """Write the last rows, which do not fill a group."""
        self._write(self._rows)

    def _write(self, rows: int) -> None:
        if rows:
            held = pa.concat_tables(self._held).unify_dictionaries()
            self._writer.write_table(held.slice(0, rows), row_group_size=GROUP_ROWS)
            rest = held.slice(rows)
            self._held, self._rows, self._bytes = [rest], len(rest), rest.nbytes


@contextmanager
def table_writer(
    path: StorePath, schema: pa.Schema, metadata: Mapping[str, Any], group_bytes: float = float("inf")
) -> Iterator[TableWriter]:
    """Open a writer of a Parquet file with page checksums. The file appears whole when the block ends.

    Parameters
    ----------
    path
        The file.
    schema
        A schema of `storage.tables.schemas`.
    metadata
        Metadata written, with the schema version, as JSON under the key `eigenwave` of the schema metadata.
    group_bytes
        Size in memory at which a row group is written although it has fewer rows than others.
    """
    content = json.dumps({"schema_version": SCHEMA_VERSION, **metadata}, sort_keys=True)
    described = schema.with_metadata({"eigenwave": content})
    # Keys, digests and numbers rarely repeat, so a dictionary would make them larger and slower to read.
    repetitive = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    options = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": repetitive}
    with replacing(path) as partial, pq.ParquetWriter(partial, described, **options) as file:
        writer = TableWriter(file, group_bytes)
        yield writer
        writer.close()


def write_table(path: StorePath, schema: pa.Schema, columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Write columns (NumPy arrays or lists) as a whole table; NaN becomes null."""
    with table_writer(path, schema, metadata) as writer:
        writer.write(to_table(schema, columns))


def to_table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """Make an Arrow table from columns, in the schema's order and types; NaN becomes null.

    Raises
    ------
    EigenwaveError
        If a value is infinite. Such a statistic should have been refused or made null before.
    """
    arrays = [_column(field, columns[field.name]) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(field: pa.Field, values: Any) -> pa.Array:  # noqa: ANN401 - anything Arrow can hold
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(field.type)
    if pa.types.is_dictionary(field.type):
        return pa.array(values, field.type.value_type).dictionary_encode().cast(field.type)
    array = pa.array(values, field.type, from_pandas=True)
    if pa.types.is_floating(field.type) and not pa.compute.all(pa.compute.is_finite(array), min_count=0).as_py():
        raise EigenwaveError(f"The column {field.name} holds an infinite value; please report this.")
    return array


def read_table(path: StorePath, columns: list[str] | None = None) -> pa.Table:
    """Read a table and verify its page checksums.

    Raises
    ------
    EigenwaveError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        return file.read(columns, use_threads=False)  # workers are processes


def as_today(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table of any version with the columns of today's schema: null where it was written without one."""
    present = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in present else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema.with_metadata(table.schema.metadata))


def schema_version(path: StorePath) -> int:
    """The version of the schemas that a table was written by.

    Raises
    ------
    EigenwaveError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        return int(json.loads(file.schema_arrow.metadata[b"eigenwave"])["schema_version"])


def read_rows(path: StorePath, columns: list[str], rows: range) -> pa.Table:
    """Read the rows in a range that the table has, and verify their page checksums.

    Raises
    ------
    EigenwaveError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        there = file.metadata
        size = there.row_group(0).num_rows if there.num_rows else 1  # all row groups but the last have this size
        groups = range(rows.start // size, -(-min(rows.stop, there.num_rows) // size))
        found = file.read_row_groups(groups, columns, use_threads=False)
        return found.slice(rows.start - groups.start * size, len(rows))


def read_groups(path: StorePath, columns: list[str]) -> Iterator[pa.Table]:
    """Read a table one row group after the other, and verify the page checksums.

    Raises
    ------
    EigenwaveError
        If the file is missing or damaged.
    """
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns, use_threads=False)


@contextmanager
def _opened(path: StorePath) -> Iterator[pq.ParquetFile]:
    try:
        with path.open() as content, pq.ParquetFile(content, page_checksum_verification=True) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise EigenwaveError(f"The table {path} cannot be read: {error}") from None
