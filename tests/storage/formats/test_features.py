import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.features import read_layers

KEYS = pa.chunked_array([["a.png", "b.png", "c.png"]])
VALUES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_arrays_in_order(tmp_path):
    np.save(tmp_path / "last.npy", VALUES.astype(np.float16))
    np.savez(tmp_path / "all.npz", first=VALUES[:, :1], second=VALUES.astype(int))
    (alone,) = read_layers(tmp_path / "last.npy", KEYS).layers.items()
    assert alone[0] == "last"
    assert np.array_equal(alone[1], VALUES)
    both = read_layers(tmp_path / "all.npz", KEYS).layers
    assert {name: values.shape for name, values in both.items()} == {"first": (3, 1), "second": (3, 2)}


def test_a_table_by_key_in_any_order(tmp_path):
    table = pa.table({"key": ["c.png", "x.png", "a.png"], "one": [5, 9, 1], "deep": [[5.0, 6.0], None, [1.0, 2.0]]})
    pq.write_table(table, tmp_path / "table.parquet")
    layers, unknown = read_layers(tmp_path / "table.parquet", KEYS)
    assert unknown == 1
    assert np.array_equal(layers["deep"], [[1, 2], [np.nan, np.nan], [5, 6]], equal_nan=True)
    assert np.array_equal(layers["table"], [[1], [np.nan], [5]], equal_nan=True)


def test_a_spreadsheet_has_only_text(tmp_path):
    (tmp_path / "all.csv").write_text('key,one,two,text,deep,empty\nb.png,3.5,,x,"[1, 2]",\na.png,1e3,4,y,,\n')
    layers, unknown = read_layers(tmp_path / "all.csv", KEYS)
    assert unknown == 0
    assert np.array_equal(layers["all"], [[1000, 4], [3.5, np.nan], [np.nan, np.nan]], equal_nan=True)
    assert np.array_equal(layers["deep"], [[np.nan, np.nan], [1, 2], [np.nan, np.nan]], equal_nan=True)


def test_lines_of_json(tmp_path):
    rows = [{"key": key, "logits": values} for key, values in zip(KEYS.to_pylist(), VALUES.tolist(), strict=True)]
    (tmp_path / "logits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert np.array_equal(read_layers(tmp_path / "logits.jsonl", KEYS).layers["logits"], VALUES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES[:2], r"float64 of shape \(2, 2\).*the run has 3"),
        (VALUES[0], r"of shape \(2,\)"),
        (np.zeros((3, 4, 4, 8)), "average each channel over its places"),
        (np.array([["a"], ["b"], ["c"]]), r"<U1 of shape \(3, 1\)"),
        (np.zeros((3, 0)), r"of shape \(3, 0\)"),
    ],
)
def test_what_is_no_layer_is_refused(tmp_path, values, message):
    np.save(tmp_path / "wrong.npy", values)
    with pytest.raises(InputError, match=message):
        read_layers(tmp_path / "wrong.npy", KEYS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"key": ["a.png", "b.png"], "deep": [[1.0], [1.0, 2.0]]}, "have 1 or 2 numbers; all must have as many"),
        ({"key": ["a.png"], "text": ["x"]}, "no column of numbers or of lists"),
        ({"key": ["other.png"], "one": [1]}, "names no image of the run"),
        ({"one": [1]}, "no column key"),
    ],
)
def test_tables_without_layers_are_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    with pytest.raises(InputError, match=message):
        read_layers(tmp_path / "table.parquet", KEYS)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "broken.npy").write_bytes(b"no array")
    np.save(tmp_path / "objects.npy", np.array([{}, {}, {}]), allow_pickle=True)
    (tmp_path / "network.pt").write_bytes(b"")
    for name, message in (
        ("broken.npy", "cannot be read as arrays"),
        ("objects.npy", "cannot be read as arrays"),
        ("network.pt", "is none of .npy, .npz"),
        ("missing.npy", "There is no file"),
    ):
        with pytest.raises(InputError, match=message):
            read_layers(tmp_path / name, KEYS)
