import pyarrow as pa
import pytest

from storage.datasets.findings import Findings
from storage.datasets.kept_columns import AT_ONCE, columns_of_table, in_schema, kept_schema


@pytest.mark.parametrize(
    ("kinds", "one"),
    [
        ((pa.int8(), pa.int64()), pa.int64()),
        ((pa.string(), pa.large_string()), pa.large_string()),
        ((pa.int32(), pa.float64()), pa.float64()),
        ((pa.null(), pa.date32()), pa.date32()),
        ((pa.int64(), pa.string()), pa.string()),
        ((pa.dictionary(pa.int8(), pa.string()), pa.string()), pa.string()),
        ((pa.list_(pa.float32()),), pa.list_(pa.float32())),
        ((pa.decimal128(20, 3),), pa.decimal128(20, 3)),
    ],
)
def test_a_column_of_several_files_has_one_type(kinds, one):
    findings = Findings()
    schema = kept_schema([pa.schema({"a": kind}) for kind in kinds], findings)
    assert schema == pa.schema({"a": one})
    assert not list(findings)


def test_columns_that_no_table_can_hold_are_named():
    findings = Findings()
    schemas = [
        pa.schema({"good": pa.int8(), "odd": pa.dense_union([pa.field("x", pa.int8())]), "mixed": pa.int8()}),
        pa.schema({"mixed": pa.list_(pa.int8()), "later": pa.string()}),
    ]
    assert kept_schema(schemas, findings) == pa.schema({"good": pa.int8(), "later": pa.string()})
    (note,) = findings.notes
    assert (note.kind, note.count) == ("columns left out", 2)
    assert "'odd' (dense_union<x: int8=0>), 'mixed' (int8 and list<item: int8>)" in note.text
    assert kept_schema([pa.schema({})], findings) is None


def test_columns_of_a_file_that_lacks_one_are_null():
    schema = pa.schema({"a": pa.int64(), "b": pa.string()})
    assert in_schema(pa.table({"a": pa.array([1], pa.int8())}), schema).to_pylist() == [{"a": 1, "b": None}]


def test_columns_in_memory_come_in_the_order_of_the_samples():
    keys = [str(number) for number in range(3 * AT_ONCE)]
    columns = columns_of_table(pa.chunked_array([keys]), pa.table({"n": range(len(keys))}))
    pieces = list(columns.pieces(pa.table({"key": keys[::-2]})))
    assert [len(piece) for piece in pieces] == [AT_ONCE, AT_ONCE // 2]
    assert pa.concat_tables(pieces)["n"].to_pylist() == list(range(len(keys)))[::-2]
