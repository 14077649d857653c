"""The table `columns` holds what a dataset says of its images beside path, label and pixels."""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.datasets.kept_columns import columns_of_table
from storage.runs.run import Run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import write_file
from storage.stores.open import open_path
from tasks.run.begin import begin_run
from tasks.run.columns import GROUP_BYTES, MOST_BYTES, write_columns
from tests.datasets import png, smooth_images
from tests.runs import SMALL, analyse, local

OWN = {"row", "key", "run_id"}
SETTINGS = SMALL | {"rank": 2, "permutations": 1, "scales": False}


def rows_of(run):
    return {row["key"]: {k: v for k, v in row.items() if k not in OWN} for row in run.tables["columns"].to_pylist()}


@pytest.fixture
def listed(tmp_path):
    """A list of 60 images with further columns, train and test mixed, and the columns of each."""
    folder = smooth_images(tmp_path / "data", count=20)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [
        {"path": path, "label": path.split("/")[-2], "split": ("train", "test")[number % 4 == 0],
         "width": number, "note": f"n, {number}" if number % 3 else None}
        for number, path in enumerate(paths)
    ]  # fmt: skip
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "list.jsonl", {
        row["path"]: {name: row[name] for name in ("split", "width", "note")} for row in rows
    }


def test_columns_of_a_list_are_kept_and_come_back_after_damage(listed, tmp_path):
    source, expected = listed
    run = analyse(source, tmp_path / "workspace", **SETTINGS)
    table, samples = run.tables["columns"], run.tables["samples"]
    assert rows_of(run) == expected
    assert [str(field.type) for field in table.schema][:2] == ["int64", "string"]
    assert {name: str(table.schema.field(name).type) for name in ("split", "width", "note")} == {
        "split": "string",
        "width": "int64",
        "note": "string",
    }
    for name in ("row", "key"):
        assert table[name].to_pylist() == samples[name].to_pylist()
    assert set(table["run_id"].to_pylist()) == {run.paths.run_id}
    workspace = Workspace(tmp_path / "workspace")
    paths = workspace.run(run.paths.run_id)
    path = paths.table("columns")
    write_file(path, path.read_bytes()[:-9])
    assert [fault.path for fault in verify(workspace, paths)] == [path]
    repair(workspace, paths, InlineFanout())
    assert list(verify(workspace, paths)) == []
    assert rows_of(run) == expected


def test_columns_change_no_number_and_no_shard(listed, tmp_path):
    source, _ = listed
    plain = source.with_name("plain.jsonl")
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    plain.write_text("".join(json.dumps({k: row[k] for k in ("path", "label", "split")}) + "\n" for row in rows))
    first, second = (analyse(each, tmp_path / each.stem, **SETTINGS) for each in (source, plain))
    assert first.manifest.shards == second.manifest.shards
    assert first.manifest.dataset_digest == second.manifest.dataset_digest
    assert first.manifest.learnability == second.manifest.learnability


def test_a_dataset_without_further_columns_has_no_table(class_folders, tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(class_folders), Settings(**SETTINGS), workspace)
    assert "columns" not in Run(job.paths).tables


def test_removed_images_have_a_row_of_nulls_and_new_ones_follow(listed, tmp_path):
    source, expected = listed
    analyse(source, tmp_path / "workspace", **SETTINGS)
    lines = source.read_text().splitlines(keepends=True)
    new = json.dumps({"path": "new.png", "label": json.loads(lines[0])["label"], "split": "train", "width": -1}) + "\n"
    (source.parent / "new.png").write_bytes(
        (source.parent / json.loads(lines[0])["path"]).read_bytes()[:-12] + png(0)[-12:]
    )
    source.write_text("".join([*lines[3:], new]))
    run = analyse(source, tmp_path / "workspace", **SETTINGS)
    gone = {json.loads(line)["path"] for line in lines[:3]}
    found = rows_of(run)
    assert found.pop("new.png") == {"split": "train", "width": -1, "note": None}
    assert found == {key: dict.fromkeys(row) if key in gone else row for key, row in expected.items()}
    assert run.tables["columns"]["key"].to_pylist()[-1] == "new.png"


def test_a_continued_run_has_the_columns_that_the_dataset_has_now(listed, tmp_path):
    source, _ = listed
    workspace, settings = Workspace(tmp_path / "workspace"), Settings(**SETTINGS)
    workspace.prepare()
    first = begin_run(str(source), settings, workspace)
    source.write_text(source.read_text().replace('"width": 7,', '"width": 700,'))
    again = begin_run(str(source), settings, workspace)
    assert again.run_id == first.run_id
    assert 700 in pq.read_table(local(again.paths.table("columns")))["width"].to_pylist()


NAMES = ["key", "row", "run_id", "key_", "a.b", "line\nbreak", "\x1b[31m", "\0", "é" * 300, " ", "class_id"]


def test_any_name_and_type_is_kept(tmp_path):
    day = dt.date(2026, 11, 29)
    values = {name: [f"{name} {row}" for row in range(3)] for name in NAMES} | {
        "nested": [{"box": [1.5, 2.5], "of": None}] * 3,
        "day": [day] * 3,
        "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
        "bytes": [b"\0", None, b""],
    }
    names = [str(row) for row in range(3)]
    samples = pa.table({"key": names, "class_id": pa.array([0] * 3, pa.int32())})
    table = pa.table({**values, "dictionary": values["dictionary"].cast(pa.string())})
    path = open_path(tmp_path) / "columns.parquet"
    assert write_columns(path, "run", samples, columns_of_table(samples["key"], table)) == {}
    found = pq.read_table(local(path))
    assert found["key"].to_pylist() == names
    assert found["row"].to_pylist() == [0, 1, 2]
    called = {"key": "key__", "row": "row_", "run_id": "run_id_"}
    for name in table.column_names:
        assert found[called.get(name, name)].to_pylist() == table[name].to_pylist(), name
        assert found.schema.field(called.get(name, name)).type == table.schema.field(name).type
    assert len(found.column_names) == len(table.column_names) + 3


def test_large_values_are_null_and_counted_and_groups_stay_small(tmp_path):
    count = 3000
    large = {0, 1, 1500, count - 1}
    values = [b"x" * (MOST_BYTES + 1 if row in large else 100) for row in range(count)]
    samples = pa.table({"key": [str(row) for row in range(count)], "class_id": pa.array([0] * count, pa.int32())})
    table = pa.table({"mask": values, "wide": [b"y" * 40_000] * count, "none": pa.nulls(count)})
    path = open_path(tmp_path) / "columns.parquet"
    assert write_columns(path, "run", samples, columns_of_table(samples["key"], table)) == {"mask": len(large)}
    file = pq.ParquetFile(local(path))
    found = file.read()
    assert found["mask"].to_pylist() == [None if row in large else value for row, value in enumerate(values)]
    assert found["wide"].to_pylist() == table["wide"].to_pylist()
    sizes = [file.metadata.row_group(group).num_rows * 40_100 for group in range(file.num_row_groups)]
    assert len(sizes) > 1
    assert max(sizes) < 2 * GROUP_BYTES
