import json

import pytest

from storage.settings import Settings
from tasks.planning import check as module
from tasks.planning.check import check_source
from tests.datasets import write_images


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
        "class train cat 12 dog 12 fish 0 3 classes 24",
        "modes RGB (23)",
        "sizes 8 x 8 (23)",
        "not read 1 files or images",
        "Skipped 1 file without the ending of an image: .txt (1).",
        "bad 1 of 24 images",
        "repeated 1 images have the bytes of an earlier one, 1 of them under another class",
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
    found = json.loads(finished.stdout)
    assert found["classes"] == {"cat": {"train": 12}, "dog": {"train": 12}, "fish": {}}
    assert found["bad"] == [{"key": "cat/000.png", "reason": "empty", "detail": "the file has no bytes"}]
    assert found["duplicates"]["groups"] == [{"keys": ["cat/001.png", "dog/001.png"], "classes": ["cat", "dog"]}]
    assert found["run"]["images"] == 24
    assert found["problems"] == found["warnings"] == found["notes"] == []
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
    alone = check_source(str(spoilt), Settings())
    monkeypatch.setattr(module, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(module, "AT_ONCE", 5)
    together = check_source(str(spoilt), Settings(workers=2))
    assert (together.looked.bad, together.duplicates) == (alone.looked.bad, alone.duplicates)
    assert (together.looked.modes, together.looked.sizes) == (alone.looked.modes, alone.looked.sizes)
