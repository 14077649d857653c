import csv
import json

import pytest
from PIL import Image

from storage.settings import Settings
from tasks.planning import look as module
from tasks.planning.check import check_source
from tests.datasets import write_images
from tests.schemas import checked


@pytest.fixture
def spoilt(class_folders):
    """24 images: one empty, one that is another again under another class, one larger than the others."""
    (class_folders / "cat" / "000.png").write_bytes(b"")
    (class_folders / "cat" / "001.png").write_bytes((class_folders / "dog" / "001.png").read_bytes())
    (class_folders / "cat" / "notes.txt").write_text("meow")
    (class_folders / "fish").mkdir()
    return class_folders


def test_check_tells_people_what_is_there_and_what_is_wrong(eigenwave, spoilt):
    finished = eigenwave("check", spoilt)
    printed = " ".join(finished.stdout.split())
    assert finished.returncode == 1
    for part in (
        "cat train 12 1 RGB 8 x 8 0.3 0.40 dog train 12 0 RGB 8 x 8 0.3",
        "fish 0 3 classes 24 1 RGB 8 x 8 0.3",
        "cat/001.png, dog/001.png. At most one of the labels is right.",
        "not read 1 entry",
        "Skipped 1 file without the ending of an image: .txt (1).",
        "bad 1 of 24 images",
        "repeated 1 image has the bytes of an earlier one, 1 of them under another class",
        "cat/000.png empty the file has no bytes",
        "cat/001.png, dog/001.png cat, dog",
        "1 of 24 images cannot be used, more than --max-bad-fraction 0.01 allows.",
    ):
        assert part in printed
    assert "A run on" in finished.stderr
    assert "would fail: 1 of 24 images cannot be used" in finished.stderr


def test_check_gives_everything_as_json(eigenwave, spoilt):
    finished = eigenwave("check", spoilt, "--json", "--max-bad-fraction", "0.1")
    assert finished.returncode == 0, finished.stderr
    found = checked("check", finished.stdout)
    assert found["classes"] == {"cat": {"train": 12}, "dog": {"train": 12}, "fish": {}}
    assert found["bad"] == [{"key": "cat/000.png", "reason": "empty", "detail": "the file has no bytes"}]
    assert found["duplicates"]["groups"] == [
        {"keys": ["cat/001.png", "dog/001.png"], "classes": ["cat", "dog"], "splits": ["train"]}
    ]
    assert found["run"]["images"] == 24
    assert [(group["class"], group["images"], group["bad"]) for group in found["groups"]] == [
        ("cat", 12, 1),
        ("dog", 12, 0),
    ]
    assert [(warning["kind"], warning["count"]) for warning in found["warnings"]] == [("conflicting labels", 1)]
    assert found["problems"] == found["notes"] == []
    skipped = "Skipped 1 file without the ending of an image: .txt (1)."
    assert found["ignored"] == [{"kind": "other files", "text": skipped, "count": 1}]


def test_what_a_run_would_refuse_is_a_problem(eigenwave, spoilt):
    write_images(spoilt / "dog" / "large", shape=(9, 9, 3), classes=("x",), count=1)
    printed = eigenwave("check", spoilt, "--json", "--duplicates", "refuse", "--max-bad-fraction", "0.1")
    assert printed.returncode == 1
    repeated, sizes = (problem["text"] for problem in json.loads(printed.stdout)["problems"])
    assert repeated == "1 image repeats another, which --duplicates refuse does not allow."
    assert "different sizes: 8 x 8 (23), 9 x 9 (1)" in sizes
    assert eigenwave("check", spoilt / "nowhere").returncode == 2


def test_processes_find_the_same(spoilt, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 5)
    alone = check_source(str(spoilt), Settings())
    monkeypatch.setattr(module, "WORTH_PROCESSES", 1)
    together = check_source(str(spoilt), Settings(workers=2))
    assert (together.looked.bad, together.duplicates) == (alone.looked.bad, alone.duplicates)
    assert together.looked.seen == alone.looked.seen


def test_what_is_too_much_to_show_is_all_in_a_file(eigenwave, class_folders, tmp_path):
    for number in range(30):
        (class_folders / "dog" / f"again{number}.png").write_bytes(
            (class_folders / "cat" / "001.png").read_bytes()[:-9]
        )
    finished = eigenwave("check", class_folders, "--csv", tmp_path / "all.csv")
    assert "... 10 more: bad images. --json prints all, --csv FILE writes them." in " ".join(finished.stdout.split())
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "bad image"]
    assert len(rows) == 30
    assert {(row["class"], row["split"]) for row in rows} == {("dog", "train")}
    assert eigenwave("check", class_folders, "--csv", tmp_path).returncode == 2


def test_a_size_that_few_images_have_is_found_beyond_the_first_thousand(tmp_path):
    write_images(tmp_path / "data", count=1200)
    Image.new("RGB", (9, 8)).save(tmp_path / "data/cat/0001.png")
    report = check_source(str(tmp_path / "data"), Settings())
    assert report.run is None
    assert [problem.kind for problem in report.problems] == ["refused"]
    assert "--size" in report.problems[0].text
