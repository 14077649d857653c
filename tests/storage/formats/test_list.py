import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.open import find_source, open_source
from storage.setting_groups import Reading
from tests.datasets import png, rows_of


@pytest.fixture
def images(tmp_path):
    """Six images in a folder beside lists, and their bytes."""
    (tmp_path / "im").mkdir()
    for number in range(6):
        (tmp_path / f"im/{number}.png").write_bytes(png(number))
    return tmp_path


def test_usual_and_unusual_columns_are_found(images):
    (images / "a.csv").write_text("id,width,breed,usage\n0,9,pug,Training\n1,9,pug,Test\n2,9,akita,Training\n")
    source = open_source(str(images / "a.csv"))
    assert rows_of(source) == [
        ("im/0.png", "pug", "train"), ("im/2.png", "akita", "train"), ("im/1.png", "pug", "test")
    ]  # fmt: skip
    assert list(source.read(source.samples())) == [png(0), png(2), png(1)]
    assert [note.kind for note in source.findings.notes] == ["completed paths"]
    (images / "b.csv").write_text("number,where,animal\n1,im/0.png,pug\n2,im/1.png,akita\n")
    with pytest.raises(
        InputError, match=r"No label column found in .*b.csv: its columns beside the paths are number, an"
    ):
        open_source(str(images / "b.csv")).samples()
    chosen = find_source(str(images / "b.csv"), reading=Reading(label_column="animal")).source
    assert rows_of(chosen) == [("im/0.png", "pug", "train"), ("im/1.png", "akita", "train")]
    with pytest.raises(InputError, match="has no column beast; it has number, where, animal"):
        find_source(str(images / "b.csv"), reading=Reading(path_column="beast")).source.samples()
    swapped = Reading(path_column="animal", label_column="where", split_column="number")
    assert find_source(str(images / "b.csv"), reading=swapped).source.samples()["key"].to_pylist() == ["pug", "akita"]


def test_a_list_without_paths_is_refused_with_an_example(images):
    (images / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        InputError, match=r"No column of image paths found in .*a.csv: it has a, b. Pass --path-column, fo"
    ):
        open_source(str(images / "a.csv")).samples()


def test_labels_of_a_list_are_names_as_they_are_written(images):
    labels = ["001", "1", "01", "1e3", "2020-01-01", "NA"]
    rows = "".join(f"im\\{number}.png,{label}\n" for number, label in enumerate(labels))
    (images / "a.csv").write_text(f"filename,label\n{rows}")
    found = rows_of(open_source(str(images / "a.csv")))
    assert [name for _, name, _ in found] == labels
    assert [key for key, _, _ in found] == [f"im/{number}.png" for number in range(6)]


def test_two_images_named_100_000_times_are_numbered_in_linear_time(images):
    count = 100_000
    (images / "a.csv").write_text("path,label\n" + "im/0.png,a\nim/1.png,b\n" * (count // 2))
    keys = open_source(str(images / "a.csv")).samples()["key"].to_pylist()
    assert keys[:4] == ["im/0.png", "im/1.png", "im/0.png#2", "im/1.png#2"]
    assert keys[-1] == f"im/1.png#{count // 2}"
    assert len(set(keys)) == count


def test_parquet_that_names_files_reads_them(images):
    pictures = [{"bytes": None, "path": f"im/{number}.png"} for number in range(3)]
    pictures += [{"bytes": png(9), "path": "im/5.png"}, {"bytes": None, "path": None}]
    pq.write_table(pa.table({"image": pictures, "label": list("ababa")}), images / "train.parquet")
    source = open_source(str(images / "train.parquet"))
    *found, missing = source.read(source.samples())
    assert found == [png(0), png(1), png(2), png(9)]
    assert missing.reason == "empty"
    assert source.samples()["stamp"].null_count == 5  # the file's stamp says nothing of the files that it names


@pytest.mark.parametrize("kind", [pa.binary_view(), pa.large_binary()])
def test_images_of_other_binary_types_are_read(tmp_path, kind):
    image = pa.array([png(number) for number in range(4)]).cast(kind)
    pq.write_table(pa.table({"image": image, "label": [0, 1, 0, 1]}), tmp_path / "train.parquet")
    source = open_source(str(tmp_path / "train.parquet"))
    assert list(source.read(source.samples())) == [png(number) for number in range(4)]


def write_shard(path, labels, names=None, column="label"):
    features = {column: {"_type": "ClassLabel", "names": names}} if names else {}
    table = pa.table({"image": [png(number) for number in range(len(labels))], column: labels})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def test_class_names_in_another_order_are_matched_by_name(tmp_path):
    write_shard(tmp_path / "train-0.parquet", [0, 1, 2], ["cat", "dog", "cow"])
    write_shard(tmp_path / "train-1.parquet", [0, 1, -1], ["dog", "emu"])
    write_shard(tmp_path / "train-2.parquet", pa.nulls(2))
    source = open_source(str(tmp_path))
    assert source.classes == ("cat", "dog", "cow", "emu")
    assert source.samples()["class_id"].to_pylist() == [0, 1, 2, 1, 3, None, None, None]
    write_shard(tmp_path / "train-1.parquet", [0, 2], ["dog", "emu"])
    with pytest.raises(InputError, match=r"train-1.parquet/0000001 is not possible"):
        open_source(str(tmp_path)).samples()


def test_the_label_column_of_parquet_can_be_chosen(tmp_path):
    table = pa.table({"image": [png(0), png(1)], "fine": ["a", "b"], "coarse": ["x", "x"]})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"are fine, coarse. Pass --label-column, for example --label-column coarse"):
        open_source(str(tmp_path)).samples()
    assert find_source(str(tmp_path), reading=Reading(label_column="fine")).source.classes == ("a", "b")
