import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from storage.setting_groups import Access
from tests.datasets import png


def write(path, columns, features=None, **options):
    rows = len(next(iter(columns.values())))
    image = pa.array([{"bytes": png(row), "path": None} for row in range(rows)])
    table = pa.table({"image": image, **columns})
    metadata = {"huggingface": json.dumps({"info": {"features": features or {}}})}
    pq.write_table(table.replace_schema_metadata(metadata), path, **options)


def kept(source, samples=None):
    samples = source.samples() if samples is None else samples
    return pa.concat_tables(source.columns.pieces(samples))


def test_columns_beside_image_and_label_are_kept(tmp_path):
    coarse = {"_type": "ClassLabel", "names": ["x", "y"]}
    columns = {
        "label": pa.array([0, 1] * 5),
        "coarse": pa.array([1, 0] * 5),
        "a.b": pa.array([f"{n}" for n in range(10)]),
    }
    columns |= {"a": pa.array([{"b": n} for n in range(10)]), "box": pa.array([[1.0, n] for n in range(10)])}
    write(
        tmp_path / "train.parquet",
        columns,
        {"coarse": coarse, "label": coarse | {"names": ["cat", "dog"]}},
        row_group_size=4,
    )
    source = open_source(str(tmp_path))
    table = kept(source)
    assert source.columns.schema == table.schema
    assert table.column_names == ["coarse", "a.b", "a", "box"]
    assert json.loads(table.schema.field("coarse").metadata[b"classes"]) == ["x", "y"]
    for name in table.column_names:
        assert table[name].to_pylist() == columns[name].to_pylist()
    samples = source.samples()
    assert kept(source, samples.take([9, 3, 4]))["a.b"].to_pylist() == ["9", "3", "4"]


def test_columns_of_several_files_and_splits_keep_to_their_images(tmp_path):
    for split, start in (("test", 0), ("train", 100)):
        for part in range(2):
            rows = range(start + 10 * part, start + 10 * part + 3)
            more = {"only": pa.array(["one"] * 3)} if part else {}
            kind = pa.int16() if part else pa.int64()
            write(
                tmp_path / f"{split}-{part}.parquet", {"label": pa.array([0, 1, 0]), "n": pa.array(rows, kind), **more}
            )
    table = kept(open_source(str(tmp_path)))
    assert table["n"].to_pylist() == [100, 101, 102, 110, 111, 112, 0, 1, 2, 10, 11, 12]
    assert table["only"].to_pylist() == ([None] * 3 + ["one"] * 3) * 2


def test_files_of_images_and_labels_only_have_no_columns(tmp_path):
    write(tmp_path / "train.parquet", {"label": pa.array([0, 1])})
    source = open_source(str(tmp_path))
    source.samples()
    assert source.columns is None


def test_an_image_that_is_too_large_is_set_aside(tmp_path):
    write(tmp_path / "train.parquet", {"label": pa.array([0, 1] * 5)})
    sizes = [len(png(row)) for row in range(10)]
    largest = Access(max_image_bytes=max(sizes) - 1)
    source = open_source(str(tmp_path), largest)
    for payload, size in zip(source.read(source.samples()), sizes, strict=True):
        assert isinstance(payload, bytes) == (size < max(sizes))
        if size == max(sizes):
            assert payload.detail == f"{size} bytes, more than --max-image-bytes {size - 1}"


def test_several_configurations_are_refused(tmp_path):
    for config in ("default", "plain"):
        for split in ("train", "test"):
            (tmp_path / config / split).mkdir(parents=True)
            write(tmp_path / config / split / "0000.parquet", {"label": ["a", "b"]})
    with pytest.raises(
        InputError, match=r"holds 2 configurations of a dataset: default, plain. Give the folder of one"
    ):
        open_source(str(tmp_path))
    splits = open_source(str(tmp_path / "plain")).samples()["split"].to_pylist()
    assert splits == ["train", "train", "test", "test"]


def test_columns_of_images_and_structs_may_have_dots_in_their_names(tmp_path):
    plain = pa.table({"x.y": [png(0), png(1)], "label": [0, 1]})
    nested = pa.table({"x.y": [{"bytes": png(0), "path": "0"}, {"bytes": png(1), "path": "1"}], "label": [0, 1]})
    for number, table in enumerate((plain, nested)):
        pq.write_table(table, tmp_path / f"{number}.parquet")
        with pa.ipc.new_stream(tmp_path / f"{number}.arrow", table.schema) as stream:
            stream.write_table(table)
        for ending in ("parquet", "arrow"):
            source = open_source(str(tmp_path / f"{number}.{ending}"))
            assert list(source.read(source.samples())) == [png(0), png(1)]
            assert source.columns is None


def test_a_damaged_page_costs_its_row_group_or_refuses_the_labels(tmp_path):
    path = tmp_path / "train.parquet"
    write(path, {"label": pa.array([0, 1] * 5)}, row_group_size=5, compression="none")
    whole = path.read_bytes()
    samples = open_source(str(tmp_path)).samples()
    for column, group in ((0, 1), (2, 0)):
        described = pq.ParquetFile(path).metadata.row_group(group).column(column)
        assert described.path_in_schema == ("image.bytes", None, "label")[column]
        start = described.dictionary_page_offset or described.data_page_offset
        path.write_bytes(whole[:start] + b"\xff" * 20 + whole[start + 20 :])
        if column:
            with pytest.raises(InputError, match=r"train\.parquet is damaged: "):
                open_source(str(tmp_path)).samples()
        else:
            read = list(open_source(str(tmp_path)).read(samples))
            assert [isinstance(each, bytes) for each in read] == [True] * 5 + [False] * 5
            assert {each.reason for each in read[5:]} == {"corrupt"}
        path.write_bytes(whole)
