"""The table of issues, of datasets that are made to have some of each kind."""

import shutil

import numpy as np
import pytest
from PIL import Image

from storage.tables.spreadsheet import ENCODING, read_rows
from tasks.issues import found as found_module
from tasks.issues import unreadable as unreadable_module
from tasks.issues import wrong_labels as wrong_labels_module
from tasks.issues.spreadsheet import COLUMNS
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    source = smooth_images(folder / "data" / "train", count=30).parent
    smooth_images(source / "test", count=8, seed=5)
    for original, copy in (
        ("train/a/0000.png", "train/a/again.png"),  # an exact duplicate
        ("train/b/0001.png", "test/b/leak.png"),
        ("train/c/0002.png", "train/a/other.png"),  # a conflict of two
        ("train/a/0003.png", "train/a/majority.png"),
        ("train/a/0003.png", "train/b/minority.png"),
    ):
        shutil.copy(source / original, source / copy)
    for name in ("bad", "worse"):  # equal bytes that are no image are no duplicates
        (source / "train" / "c" / f"{name}.png").write_bytes(b"not an image")
    return analyse(source, folder / "workspace", max_bad_fraction=0.1, **SMALL)


def issues(run, kind):
    rows = [row for row in run.tables["issues"].to_pylist() if row["kind"] == kind]
    return {row["key"]: row for row in rows}


def test_the_copy_in_the_same_split_is_a_duplicate_of_the_first(run):
    (row,) = [row for row in issues(run, "exact duplicate").values() if "again" in row["key"]]
    assert (row["suggestion"], row["other_key"]) == ("keep train/a/0000.png", "train/a/0000.png")
    assert row["evidence"] == "Its bytes are those of train/a/0000.png in the split train; 2 images have them."
    assert set(issues(run, "exact duplicate")) == {"train/a/again.png", "train/a/majority.png"}


def test_the_copy_in_another_split_is_a_leak(run):
    (row,) = issues(run, "leak").values()
    assert (row["key"], row["split"], row["other_key"]) == ("test/b/leak.png", "test", "train/b/0001.png")
    assert row["severity"] == 0.9


def test_copies_with_other_labels_are_conflicts_and_the_majority_is_suggested(run):
    found = issues(run, "conflict")
    assert {key: (row["severity"], row["suggestion"], row["other_key"]) for key, row in found.items()} == {
        "train/c/0002.png": (1, None, "train/a/other.png"),
        "train/a/other.png": (1, None, "train/c/0002.png"),
        "train/b/minority.png": (1, "a", "train/a/0003.png"),
        "train/a/0003.png": (pytest.approx(1 / 3), None, "train/b/minority.png"),
        "train/a/majority.png": (pytest.approx(1 / 3), None, "train/b/minority.png"),
    }
    assert found["train/b/minority.png"]["suggested_class_id"] == 0
    assert found["train/a/0003.png"]["evidence"] == "Images with the same bytes are labelled a (2) and b (1)."


def test_unreadable_images_are_listed_with_the_reason(run):
    found = issues(run, "unreadable")
    assert set(found) == {"train/c/bad.png", "train/c/worse.png"}
    reject = next(row for row in run.tables["rejects"].to_pylist() if row["key"] == "train/c/bad.png")
    row = found["train/c/bad.png"]
    assert row["evidence"] == f"It cannot be used ({reject['reason']}): {reject['detail']}."
    assert (row["suggestion"], row["path"]) == ("drop", f"{run.manifest.source}/train/c/bad.png")


def test_all_are_in_one_order_and_counted(run):
    table = run.tables["issues"].to_pylist()
    assert [(-row["severity"], row["row"]) for row in table] == sorted((-row["severity"], row["row"]) for row in table)
    counts = {row["kind"]: (row["found"], row["listed"]) for row in run.tables["issue_kinds"].to_pylist()}
    assert {kind: counts[kind] for kind in ("conflict", "leak", "exact duplicate", "unreadable")} == {
        "conflict": (5, 5),
        "leak": (1, 1),
        "exact duplicate": (2, 2),
        "unreadable": (2, 2),
    }
    assert len(table) == sum(listed for _, listed in counts.values())


def test_wrong_labels_are_the_suspicious_ones_with_the_likelier_class(tmp_path, monkeypatch):
    monkeypatch.setattr(wrong_labels_module, "LEAST_SUSPICION", 0.5)  # judges of 80 images are never surer than .9
    source, random = tmp_path / "data", np.random.default_rng(3)
    for number, name in enumerate("ab"):  # two classes that cannot be confused
        (source / name).mkdir(parents=True)
        for row in range(40):
            pixels = random.integers(0, 60, (8, 8)) + 150 * number
            Image.fromarray(pixels.astype(np.uint8)).save(source / name / f"{row:04d}.png")
    (source / "a" / "0007.png").rename(source / "b" / "moved, =1.png")
    run = analyse(source, tmp_path / "workspace", **SMALL)
    found = issues(run, "wrong label")
    samples = {row["key"]: row for row in run.tables["samples"].to_pylist()}
    expected = {
        key
        for key, row in samples.items()
        if row["label_suspicion"] >= 0.5 and row["class_id"] != row["likely_class_id"]
    }
    assert set(found) == expected
    row = found["b/moved, =1.png"]
    own = 1 - samples["b/moved, =1.png"]["label_suspicion"]
    classes = len(run.manifest.classes)
    wrong = (1 - own) * 0.01 / (classes - 1)
    assert row["severity"] == pytest.approx(wrong / (wrong + 0.99 * own))
    assert (row["suggestion"], row["suggested_class_id"], row["class_name"]) == ("a", 0, "b")
    assert row["evidence"].startswith("By all other images it is a with probability ")
    assert row["digest"] == samples["b/moved, =1.png"]["digest"]
    # The spreadsheet has the same rows, and an empty column for what to do.
    with local(run.paths.issues).open(encoding=ENCODING, newline="") as file:
        cells = list(read_rows(file, COLUMNS, "issues.csv"))
    plain = [
        {name: "" if value is None else str(value) for name, value in row.items()} | {"action": ""}
        for row in run.tables["issues"].to_pylist()
    ]
    assert cells == plain
    assert "issues.csv" in run.manifest.files


def test_only_the_most_severe_of_a_kind_are_listed_and_all_are_counted(run, tmp_path, monkeypatch):
    for module in (found_module, unreadable_module, wrong_labels_module):
        monkeypatch.setattr(module, "MOST", 1)
    limited = analyse(run.manifest.source, tmp_path / "workspace", max_bad_fraction=0.1, **SMALL)
    counts = {row["kind"]: (row["found"], row["listed"]) for row in limited.tables["issue_kinds"].to_pylist()}
    whole = {row["kind"]: row["found"] for row in run.tables["issue_kinds"].to_pylist()}
    assert counts == {kind: (count, min(count, 1)) for kind, count in whole.items()}
    for row in limited.tables["issues"].to_pylist():
        assert row == next(iter(issues(run, row["kind"]).values())) | {"run_id": row["run_id"]}
