"""The fix loop: a dataset, its issues, a list or a folder without them, and what a comparison says of it."""

import csv
import shutil

import pytest
from PIL import Image

from storage.errors import InputError
from storage.formats.open import list_source, open_source
from storage.settings import Settings
from storage.tables.spreadsheet import write_rows
from tasks.compare.runs import compare_runs
from tasks.issues.actions import read_actions
from tasks.issues.fixed import fix, link_folders, write_list
from tests.datasets import rows_of, smooth_images
from tests.formats import make_images, write_csv, write_zip
from tests.runs import SMALL, analyse, local


def listed(folder, *rows):
    """The actions of a list with keys and actions."""
    path = folder / "to-do.csv"
    with path.open("wb") as file:
        write_rows(file, ["key", "action"], rows)
    return read_actions(path)


@pytest.fixture
def source(tmp_path):
    smooth_images(tmp_path / "data" / "train", count=20)
    smooth_images(tmp_path / "data" / "test", count=5, seed=2)
    return tmp_path / "data"


ACTIONS = (["train/a/0000.png", "drop"], ["train/a/0001.png", "relabel:b"], ["test/c/0002.png", "keep"])


def test_a_folder_of_links_is_the_dataset_with_the_changes(source, tmp_path):
    before = {path: path.read_bytes() for path in source.rglob("*.png")}
    fixed = fix(listed(tmp_path, *ACTIONS), str(source), Settings())
    assert fixed.counts == {"keep": 1, "relabel": 1, "drop": 1}
    link_folders(fixed.images, tmp_path / "fixed")
    expected = {path.relative_to(source).as_posix(): path for path in before}
    del expected["train/a/0000.png"]
    # The name is taken in the other class, whose own image keeps it.
    expected["train/b/0001-2.png"] = expected.pop("train/a/0001.png")
    there = {
        path.relative_to(tmp_path / "fixed").as_posix(): path.readlink() for path in (tmp_path / "fixed").rglob("*.png")
    }
    assert there == expected
    assert {path: path.read_bytes() for path in source.rglob("*.png")} == before
    with pytest.raises(InputError, match="is not empty; give a new one"):
        link_folders(fixed.images, tmp_path / "fixed")


def test_a_list_is_the_same_and_is_read_with_the_root(source, tmp_path):
    fixed = fix(listed(tmp_path, *ACTIONS), str(source), Settings())
    write_list(fixed, tmp_path / "fixed.csv", str(source))
    settings = Settings(root=source)
    found, listing = list_source(str(tmp_path / "fixed.csv"), settings)
    names = [listing.classes[number] for number in listing.samples["class_id"].to_pylist()]
    keys = [key.removeprefix("data/") for key in listing.samples["key"].to_pylist()]
    rows = set(zip(keys, names, listing.samples["split"].to_pylist(), strict=True))
    expected = {
        row for row in rows_of(open_source(str(source))) if row[0] not in {"train/a/0000.png", "train/a/0001.png"}
    }
    assert rows == expected | {("train/a/0001.png", "b", "train")}
    payloads = dict(zip(keys, found.source.read(listing.samples), strict=True))
    assert payloads["train/a/0001.png"] == (source / "train/a/0001.png").read_bytes()
    with pytest.raises(InputError, match=r"fixed\.csv cannot be written: File exists"):
        write_list(fixed, tmp_path / "fixed.csv", str(source))


def test_a_comparison_says_what_the_fix_did(source, tmp_path):
    before = analyse(source, tmp_path / "workspace", run_id="before", **SMALL)
    link_folders(fix(listed(tmp_path, *ACTIONS), str(source), Settings()).images, tmp_path / "fixed")
    after = analyse(tmp_path / "fixed", tmp_path / "workspace", run_id="after", **SMALL)
    found = compare_runs(before, after)
    images = found.tables["compared_images"]
    assert dict(zip(images["key"].to_pylist(), images["change"].to_pylist(), strict=True)) == {
        "train/a/0000.png": "removed",
        "train/b/0001-2.png": "relabelled",
    }
    assert (found.summary["relabelled_images"], found.summary["removed_images"]) == (1, 1)


def test_the_issues_of_a_run_lead_to_a_dataset_without_them(source, tmp_path):
    shutil.copy(source / "train/a/0003.png", source / "test/a/leak.png")
    shutil.copy(source / "train/a/0004.png", source / "train/b/conflict.png")
    run = analyse(source, tmp_path / "workspace", **SMALL)
    with local(run.paths.issues).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    acted = {"test/a/leak.png": "drop", "train/b/conflict.png": "relabel:a"}
    for row in rows:
        row["action"] = acted.get(row["key"], "")
    path = tmp_path / "acted.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), delimiter=";")  # as spreadsheets of some countries write it
        table.writeheader()
        table.writerows(rows)
    link_folders(fix(read_actions(path), str(source), Settings()).images, tmp_path / "fixed")
    again = analyse(tmp_path / "fixed", tmp_path / "workspace", **SMALL)
    kinds = {row["kind"]: row["found"] for row in again.tables["issue_kinds"].to_pylist()}
    assert (kinds["leak"], kinds["conflict"]) == (0, 0)
    # The list is about bytes that were looked at.
    Image.new("L", (16, 16), 7).save(source / "train/b/conflict.png")
    with pytest.raises(InputError, match=r"is about other bytes than train/b/conflict\.png has now; run"):
        fix(read_actions(path), str(source), Settings())


def test_a_list_cannot_name_images_that_are_no_files(tmp_path):
    fixed = fix([], str(write_zip(tmp_path / "zip", make_images(6))), Settings())
    with pytest.raises(InputError, match=r"The images are no files that a list could name; .* --to fixed\."):
        write_list(fixed, tmp_path / "fixed.csv", "")
    assert not (tmp_path / "fixed.csv").exists()


def test_lists_and_their_repeated_images(tmp_path):
    address = write_csv(tmp_path / "data", make_images(6))
    with address.open("a") as file:
        file.write("train/ant/00000.jpg,bee,train\n")
    fixed = fix(listed(tmp_path, ["train/ant/00000.jpg#2", "drop"]), str(address), Settings())
    link_folders(fixed.images, tmp_path / "fixed")
    assert len(list((tmp_path / "fixed").rglob("*.jpg"))) == 3 * 6 + 3 * 2


def test_classes_that_cannot_be_folders_go_into_a_list(tmp_path):
    address = write_csv(tmp_path / "data", make_images(6))
    address.write_text(address.read_text().replace(",bee,", ",b/e,"))
    fixed = fix([], str(address), Settings())
    with pytest.raises(InputError, match=r"Images of 'b/e' cannot be in a folder of that name; write a list instead"):
        link_folders(fixed.images, tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()
