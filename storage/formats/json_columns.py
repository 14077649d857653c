"""Columns made of JSON objects, one object a row: one type for each name, whatever the objects hold under it."""

import json
import os
import tempfile
import weakref
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Finding, Findings, counted, named
from storage.datasets.kept_columns import AT_ONCE, KeptColumns

MOST_NAMES = 1000  # columns to keep; more names are values
EXACT, INT64 = 2**53, 2**63  # float64 holds every whole number up to the first
TEXT, LONG, OTHER = "text", "long", "other"
TYPES = {
    frozenset({"bool"}): pa.bool_(),
    frozenset({"int"}): pa.int64(),
    frozenset({LONG}): pa.int64(),
    frozenset({"int", LONG}): pa.int64(),
    frozenset({"float"}): pa.float64(),
    frozenset({"int", "float"}): pa.float64(),
}


def kind_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Name of a value's type; long numbers and numbers that no column can hold have types of their own."""
    if isinstance(value, bool | float | str):
        return type(value).__name__
    if isinstance(value, int):
        return "int" if abs(value) <= EXACT else LONG if -INT64 <= value < INT64 else OTHER
    return OTHER


def type_of(kinds: Iterable[str]) -> pa.DataType:
    """Type of a column, given the types of its values: that of all of them, or else text."""
    kinds = frozenset(kinds)
    return TYPES.get(kinds, pa.string()) if kinds else pa.null()


def column_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values in a column; in one of text, those that are not text are JSON."""
    if kind == pa.string():
        return pa.array([value if value is None else _text(value) for value in values], kind)
    return pa.array(values, kind)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return whole(value if isinstance(value, str) else json.dumps(value))


def whole(text: str) -> str:
    """A text without halves of characters, which JSON can hold but no table."""
    return text.encode("utf-8", "backslashreplace").decode()


class JsonRows:
    """JSON objects in the order of a dataset's images, in a temporary file that ends with this.

    Columns get their types when all objects are there, so that a type fits all values.
    """

    def __init__(self) -> None:
        self._ends = array("q", [0])
        self._kinds: dict[str, set[str]] = {}
        self._lost: dict[str, None] = {}

    @cached_property
    def _file(self) -> BinaryIO:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, file.close)
        return file

    @property
    def names(self) -> list[str]:
        """Names of the entries, in the order in which they were first seen."""
        return list(self._kinds)

    def add(self, row: dict[str, Any] | None) -> None:
        """Add the object of the next image, or None if it has none."""
        for name, value in (row or {}).items():
            kinds = self._kinds.get(name)
            if kinds is None and len(self._kinds) >= MOST_NAMES:
                self._lost[name] = None
                continue
            kinds = self._kinds.setdefault(name, set()) if kinds is None else kinds
            if value is not None:
                kinds.add(kind_of(value))
        content = b"" if row is None else json.dumps(row).encode()
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))

    def columns(self, keys: pa.ChunkedArray, findings: Findings, labels: Collection[str]) -> KeptColumns | None:
        """The columns of the images with these keys (n,), except those of labels; None if there are none."""
        names = {whole(name): name for name in self._kinds if name not in labels}
        if self._lost:
            text = f"Left out {counted(len(self._lost), 'column')} beyond the first {MOST_NAMES:,}: "
            findings.notes.append(Finding("columns left out", f"{text}{named(list(self._lost))}.", len(self._lost)))
        if not names:
            return None
        schema = pa.schema({shown: type_of(self._kinds[name]) for shown, name in names.items()})
        self._file.flush()

        def pieces(samples: pa.Table) -> Iterator[pa.Table]:
            rows = pc.index_in(samples["key"], value_set=keys).to_pylist()
            for start in range(0, len(rows), AT_ONCE):
                objects = [self._row(row) for row in rows[start : start + AT_ONCE]]
                values = [
                    column_of([each.get(name) for each in objects], schema.field(shown).type)
                    for shown, name in names.items()
                ]
                yield pa.Table.from_arrays(values, schema=schema)

        return KeptColumns(schema, pieces)

    def _row(self, number: int) -> dict[str, Any]:
        start, end = self._ends[number], self._ends[number + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        return json.loads(content) if content else {}
