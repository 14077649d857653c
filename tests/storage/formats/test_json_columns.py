import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.findings import Findings
from storage.formats.json_columns import MOST_NAMES, JsonRows, column_of, kind_of, type_of, whole

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def kept(rows, label=()):
    keys, found, findings = [str(number) for number in range(len(rows))], JsonRows(), Findings()
    for row in rows:
        found.add(row)
    columns = found.columns(pa.chunked_array([keys], pa.string()), findings, label)
    return columns, pa.table({"key": keys}), findings


def test_each_name_has_the_type_of_its_values():
    columns, samples, findings = kept(
        [
            {"a": 1, "b": 1, "c": True, "d": "x", "e": [1], "f": None, "g": 2**60, "label": 7},
            None,
            {"a": 2, "b": 0.5, "d": 3, "h": 2**70},
        ],
        ["label"],
    )
    (piece,) = columns.pieces(samples)
    assert columns.schema == piece.schema
    assert {field.name: str(field.type) for field in piece.schema} == {
        "a": "int64",
        "b": "double",
        "c": "bool",
        "d": "string",
        "e": "string",
        "f": "null",
        "g": "int64",
        "h": "string",
    }
    none = dict.fromkeys("abcdefgh")
    assert piece.to_pylist() == [
        none | {"a": 1, "b": 1.0, "c": True, "d": "x", "e": "[1]", "g": 2**60},
        none,
        none | {"a": 2, "b": 0.5, "d": "3", "h": str(2**70)},
    ]
    assert not list(findings)


def test_rows_come_in_the_order_of_the_samples():
    columns, samples, _ = kept([{"n": number} for number in range(5000)])
    taken = samples.take([4999, 0, 17])
    assert [row["n"] for piece in columns.pieces(taken) for row in piece.to_pylist()] == [4999, 0, 17]


def test_objects_without_other_entries_have_no_columns():
    assert kept([{"label": 1}, None], ["label"])[0] is None
    assert kept([])[0] is None


def test_more_names_than_columns_are_counted():
    columns, _, findings = kept([{f"n{number}": 1} for number in range(MOST_NAMES + 3)])
    assert len(columns.schema) == MOST_NAMES
    assert [(note.kind, note.count) for note in findings.notes] == [("columns left out", 3)]


def test_halves_of_characters_are_written_out():
    assert whole("a\ud800é") == "a\\ud800é"
    columns, samples, _ = kept([json.loads(r'{"a\ud800": "\udfff"}')])
    assert next(columns.pieces(samples)).to_pylist() == [{"a\\ud800": "\\udfff"}]


@given(st.lists(JSON, max_size=6))
def test_any_values_have_a_column(values):
    kind = type_of(kind_of(value) for value in values if value is not None)
    column = column_of(values, kind)
    assert [value is None for value in column.to_pylist()] == [value is None for value in values]
    for value, held in zip(values, column.to_pylist(), strict=True):
        if value is not None and kind != pa.string():
            assert held == value
        elif isinstance(value, str):
            assert held == whole(value)
