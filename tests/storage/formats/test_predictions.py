import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.predictions import read_predictions

KEYS, CLASSES = ["a/1.png", "a/2.png", "b/1.png"], ["cat", "dog"]
VALUES = np.array([[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]], np.float32)


def table(keys=KEYS, values=VALUES, classes=CLASSES):
    return pa.table({"key": keys} | {name: values[:, number] for number, name in enumerate(classes)})


def csv_of(rows):
    return "".join(f"{','.join(map(str, row))}\n" for row in rows)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npy"])
def test_predictions_come_from_tables_by_key_and_arrays_in_order(ending, tmp_path):
    path = tmp_path / f"model{ending}"
    if ending == ".csv":
        path.write_text(csv_of([("dog", "key", "cat"), *zip(VALUES[:, 1], KEYS, VALUES[:, 0], strict=True)]))
    elif ending == ".parquet":
        pq.write_table(table(), path)
    else:
        np.save(path, VALUES)
    found = read_predictions(path, KEYS, CLASSES)
    np.testing.assert_allclose(found.values, VALUES, atol=1e-6)
    assert found.unknown == 0


@pytest.mark.parametrize("chosen", [[2, 0], [1], [1, 2, 0]])
def test_images_without_a_row_are_unknown_and_other_rows_are_left_out(chosen, tmp_path):
    path = tmp_path / "model.parquet"
    keys = [*(KEYS[row] for row in chosen), "other"]
    pq.write_table(table(keys, np.vstack([VALUES[chosen], [[0.1, 0.9]]])), path)
    found = read_predictions(path, KEYS, CLASSES)
    np.testing.assert_array_equal(found.values[chosen], VALUES[chosen])
    assert np.isnan(np.delete(found.values, chosen, axis=0)).all()
    assert found.unknown == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "There is no file"),
        ("model.pkl", b"x", r"is none of \.csv"),
        ("model.npy", b"x", "cannot be read as an array"),
        ("model.csv", b"key,cat\na/1.png,1\n", "has no column dog"),
        ("model.csv", b"name,cat,dog\na/1.png,1,0\n", "has no column key"),
        (
            "model.csv",
            b"key,cat,dog\nx.png,1,0\n",
            "names no image of the run, such as 'a/1.png'; its first is 'x.png'",
        ),
        ("model.csv", b"key,cat,dog\na/1.png,1,0\na/1.png,0,1\n", "more than one row of the image 'a/1.png'"),
        ("model.csv", b"key,cat,dog\na/1.png,much,0\n", "Column cat of .* holds no numbers"),
        ("model.csv", b"key,cat,dog\na/1.png,2.5,-1.5\n", "no probabilities: the least is -1.5, the sum 1"),
        ("model.csv", b"key,cat,dog\na/1.png,3.5,2\n", "the sum 5.5. Apply a softmax"),
        ("model.csv", b"key,cat,dog\na/1.png,,1\n", "no probabilities"),
    ],
)
def test_other_files_are_refused_in_a_sentence(name, content, message, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_predictions(path, KEYS, CLASSES)


def test_an_array_of_another_shape_is_refused(tmp_path):
    np.save(tmp_path / "model.npy", VALUES[:2])
    with pytest.raises(InputError, match=r"holds float32 of shape \(2, 2\). It must hold numbers of shape \(3, 2\)"):
        read_predictions(tmp_path / "model.npy", KEYS, CLASSES)
