import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import EigenwaveError
from storage.stores.open import open_path
from storage.tables import parquet as tables
from storage.tables.parquet import read_groups, read_rows, read_table, table_writer, to_table, write_table
from storage.tables.schemas import SCHEMA_VERSION, TABLES
from tests.runs import local

SCHEMA = TABLES["pattern_class"]


def columns(count=1000):
    random = np.random.default_rng(0)
    numbers = {field.name: random.random(count) for field in SCHEMA if pa.types.is_floating(field.type)}
    return numbers | {
        "pattern": np.arange(count),
        "class_id": np.zeros(count, int),
        "class_name": ["cat"] * count,
        "n": np.ones(count, int),
        "run_id": ["r-1"] * count,
    }


def test_tables_come_back_with_schema_and_metadata(tmp_path):
    path = open_path(tmp_path) / "t.parquet"
    write_table(path, SCHEMA, columns(), {"run_id": "r-1"})
    table = read_table(path)
    assert table.schema.remove_metadata().equals(SCHEMA.remove_metadata())
    assert np.array_equal(table["cohens_d"], columns()["cohens_d"])
    assert json.loads(pq.read_schema(str(path)).metadata[b"eigenwave"]) == {
        "run_id": "r-1",
        "schema_version": SCHEMA_VERSION,
    }


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_table(open_path(tmp_path) / name, SCHEMA, columns(), {"z": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nan_becomes_null_and_infinity_is_refused():
    content = columns(3) | {"cohens_d": np.array([1, np.nan, 2])}
    assert to_table(SCHEMA, content)["cohens_d"].to_pylist() == [1, None, 2]
    with pytest.raises(EigenwaveError, match="cohens_d holds an infinite value"):
        to_table(SCHEMA, content | {"cohens_d": np.array([1, np.inf, 2])})


def test_flipped_bits_in_the_data_are_found(tmp_path):
    path = open_path(tmp_path) / "t.parquet"
    write_table(path, SCHEMA, columns(), {})
    good = path.read_bytes()
    data_ends = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    for place in range(100, data_ends, data_ends // 40):
        flipped = bytearray(good)
        flipped[place] ^= 4
        local(path).write_bytes(flipped)
        with pytest.raises(EigenwaveError, match="cannot be read"):
            read_table(path)


PIECES = pa.schema([("n", pa.int64()), ("split", pa.dictionary(pa.int8(), pa.string()))])


def piece(start, stop):
    splits = ["test", "train"][start % 2 :]  # as shards have them: not all of them, and others first
    return to_table(
        PIECES, {"n": np.arange(start, stop), "split": [splits[row % len(splits)] for row in range(start, stop)]}
    )


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 7), st.data())
def test_pieces_become_row_groups_of_one_size_and_any_rows_are_read(tmp_path_factory, sizes, group, data):
    path = open_path(tmp_path_factory.mktemp("tables")) / "t.parquet"
    edges = np.cumsum([0, *sizes]).tolist()
    pieces = [piece(start, stop) for start, stop in pairwise(edges)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_ROWS", group)
        with table_writer(path, PIECES, {}) as writer:
            for one in pieces:
                writer.write(one)
    expected = [row for one in pieces for row in one.to_pylist()]
    assert read_table(path).to_pylist() == expected
    groups = [one.to_pylist() for one in read_groups(path, ["n", "split"])]
    assert [len(rows) for rows in groups] == [group] * (edges[-1] // group) + [edges[-1] % group] * (
        edges[-1] % group > 0
    )
    assert [row for rows in groups for row in rows] == expected
    start = data.draw(st.integers(0, edges[-1] + 3))
    stop = data.draw(st.integers(start, edges[-1] + 9))
    assert read_rows(path, ["n", "split"], range(start, stop)).to_pylist() == expected[start:stop]


def test_every_column_is_described():
    for schema in TABLES.values():
        for field in schema:
            assert field.metadata[b"description"]
