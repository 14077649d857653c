"""The columns of a dataset beside image and label, which a run keeps for later questions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.datasets.findings import Finding, Findings, counted, named

AT_ONCE = 1024  # rows of a piece


class KeptColumns(NamedTuple):
    """Columns of a dataset under their own names and types.

    Attributes
    ----------
    schema
        Names and types, at least one.
    pieces
        Gives the columns of some samples (schema `storage.datasets.source.SAMPLES`) in their order, in pieces of a few
        rows each.
    """

    schema: pa.Schema
    pieces: Callable[[pa.Table], Iterator[pa.Table]]


def kept_schema(schemas: Sequence[pa.Schema], findings: Findings) -> pa.Schema | None:
    """The columns of several files, each in one type; None if there are none.

    Columns whose types have nothing in common, or that a Parquet file cannot hold, are left out and noted.
    """
    kinds: dict[str, list[pa.Field]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, []).append(field)
    found = {name: _common(fields) for name, fields in kinds.items()}
    lost = [
        f"{name!r} ({' and '.join(map(str, _types(kinds[name])))})" for name, field in found.items() if field is None
    ]
    if lost:
        text = f"Left out {counted(len(lost), 'column')} that the table columns cannot hold: {named(lost)}."
        findings.notes.append(Finding("columns left out", text, len(lost)))
    kept = [field for field in found.values() if field is not None]
    return pa.schema(kept) if kept else None


def _common(fields: Iterable[pa.Field]) -> pa.Field | None:
    """One field for all values of a column: of a type that holds all of them, or else of text."""
    fields = list(fields)
    kinds = _types(fields)
    try:
        kind = pa.unify_schemas([pa.schema({"": kind}) for kind in kinds], promote_options="permissive").field(0).type
    except pa.ArrowException:
        kind = pa.string()
    try:
        for each in kinds:
            pa.nulls(0, each).cast(kind)
        pq.write_table(pa.schema({"": kind}).empty_table(), BytesIO())
    except pa.ArrowException:
        return None
    return pa.field(fields[0].name, kind, metadata=fields[0].metadata)


def _types(fields: Iterable[pa.Field]) -> list[pa.DataType]:
    """The different types of some fields, without dictionaries."""
    kinds = (field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in fields)
    return list(dict.fromkeys(kinds))


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Columns of one file in the schema of all files; null where the file has no such column."""
    present = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in present else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def columns_of_table(keys: pa.ChunkedArray, table: pa.Table) -> KeptColumns:
    """Columns that are in memory, given the key of each row (n,)."""

    def pieces(samples: pa.Table) -> Iterator[pa.Table]:
        rows = pc.index_in(samples["key"], value_set=keys)
        for start in range(0, len(rows), AT_ONCE):
            yield table.take(rows.slice(start, AT_ONCE))

    return KeptColumns(table.schema, pieces)
