"""What other programs read: files of the form that their documentation gives."""

import json
import shutil

import pytest

from storage.errors import InputError
from storage.tables.spreadsheet import ENCODING, read_rows
from tasks.issues.export import COLUMNS, export_run
from tests.datasets import smooth_images
from tests.formats import make_images, write_zip
from tests.runs import SMALL, analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    source = smooth_images(folder / "data" / "train", count=20).parent
    smooth_images(source / "test", count=5, seed=2)
    shutil.copy(source / "train/a/0001.png", source / "test/a/leak.png")
    (source / "train/a/=bad.png").write_bytes(b"no image")
    return analyse(source, folder / "workspace", max_bad_fraction=0.1, **SMALL)


def by_key(run):
    return {row["key"]: row for row in run.tables["samples"].to_pylist()}


def test_csv_has_all_images_with_their_most_severe_issue(run, tmp_path):
    assert export_run(run, "csv", tmp_path / "out") == len(by_key(run)) == 77
    with (tmp_path / "out" / "samples.csv").open(encoding=ENCODING, newline="") as file:
        rows = {row["key"]: row for row in read_rows(file, COLUMNS, "samples.csv")}
    assert rows.keys() == by_key(run).keys()
    assert (rows["test/a/leak.png"]["kind"], rows["test/a/leak.png"]["suggestion"]) == ("leak", "keep train/a/0001.png")
    assert (rows["train/a/=bad.png"]["valid"], rows["train/a/=bad.png"]["kind"]) == ("false", "unreadable")
    assert rows["train/a/0001.png"]["path"] == f"{run.manifest.source}/train/a/0001.png"


def test_hugging_face_reads_images_beside_a_metadata_file_that_names_them(run, tmp_path):
    assert export_run(run, "huggingface", tmp_path / "out") == 76
    keys = set()
    for split in ("train", "test"):
        folder = tmp_path / "out" / split
        lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {(folder / line["file_name"]) for line in lines} == set(folder.rglob("*.png"))
        assert len({tuple(line) for line in lines}) == 1, "all lines have the same columns"
        for line in lines:
            row = by_key(run)[line["key"]]
            assert (line["label"], split) == (row["class_name"], row["split"])
            original = f"{run.manifest.source}/{line['key']}"
            assert (folder / line["file_name"]).samefile(original)
        keys |= {line["key"] for line in lines}
    assert keys == by_key(run).keys() - {"train/a/=bad.png"}


def test_fiftyone_reads_a_manifest_of_paths_and_labels_by_the_same_ids(run, tmp_path):
    assert export_run(run, "fiftyone", tmp_path / "out") == 76
    read = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").iterdir()}
    assert read.keys() == {"data", "labels", "likely_labels", "issues"}
    data = read.pop("data")
    for content in read.values():
        assert content.keys() == {"classes", "labels"}
        assert content["labels"].keys() <= data.keys()
        assert set(content["labels"].values()) <= set(range(len(content["classes"])))
    labels = {path: read["labels"]["classes"][read["labels"]["labels"][name]] for name, path in data.items()}
    assert labels == {
        f"{run.manifest.source}/{key}": row["class_name"] for key, row in by_key(run).items() if row["valid"]
    }
    found = {data[name]: read["issues"]["classes"][kind] for name, kind in read["issues"]["labels"].items()}
    assert found[f"{run.manifest.source}/test/a/leak.png"] == "leak"


def test_a_folder_with_content_and_images_that_are_no_files_are_refused(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="is not empty; give a new one"):
        export_run(run, "csv", tmp_path / "full")
    zipped = analyse(write_zip(tmp_path / "zip", make_images(12)), tmp_path / "workspace", **SMALL)
    with pytest.raises(InputError, match=r"are no files \(zip\), which fiftyone needs; --to csv writes where each is"):
        export_run(zipped, "fiftyone", tmp_path / "none")
    assert export_run(zipped, "csv", tmp_path / "csv") == 48
