"""Images that change while a run is interrupted or reads them: a run never mixes numbers of two datasets."""

import re

import pytest

from storage.errors import EigenwaveError
from storage.runs.workspace import Workspace
from tasks.transform import images as read_images
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record


@pytest.fixture
def source(tmp_path):
    return smooth_images(tmp_path / "data", shape=(8, 8), count=40)


def end_at(source, folder, place):
    """Run until a file whose key holds `place` is written, or removed."""

    def at(_, when, key):
        if when == "after" and place in key:
            raise driver.Ended

    with pytest.raises(driver.Ended), driver.changes(at):
        driver.analyse(source, folder)


def exchange(source, first, second):
    names = sorted(source.rglob("*.png"))
    names[first].write_bytes(names[second].read_bytes())


def test_a_continued_run_starts_over_if_images_have_changed(source, tmp_path):
    phases = ("product-00", "projection.npz", "summary.npz", "tables/exemplars.parquet")
    for number, phase in enumerate(phases):
        folder = tmp_path / str(number)
        end_at(source, folder, phase)
        exchange(source, number, number + 50)
        # Once more, while it removes what it must compute again.
        end_at(source, folder, ("parts/", "block-01.npy", "work/transformed", "run.zarr/scores/")[number])
        driver.analyse(source, folder)
        driver.analyse(source, tmp_path / f"fresh{number}")
        assert driver.swept(folder) == driver.contents(tmp_path / f"fresh{number}")
    record("images edited while a run is interrupted", tried=len(phases), survived=len(phases))


def test_an_unchanged_dataset_is_not_transformed_again(source, tmp_path):
    end_at(source, tmp_path / "run", "projection.npz")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "shards").rglob("*")}
    written = []
    with driver.changes(lambda _, when, key: when == "before" and written.append(key)):
        driver.analyse(source, tmp_path / "run")
    again = written[: written.index("runs/run/manifest.json")]
    assert not [key for key in again if key.startswith("shards") or "/parts/" in key or "work/product" in key]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "shards").rglob("*")} == before


def test_an_image_that_changes_while_it_is_read_is_named(source, tmp_path, monkeypatch):
    """It is digested, and read again later because there are too many to keep."""
    monkeypatch.setattr(read_images, "KEPT_BYTES", 0)
    original = read_images.read_again
    victim = sorted(source.rglob("*.png"))[7]

    def meanwhile(*words):
        victim.write_bytes(sorted(source.rglob("*.png"))[90].read_bytes())
        return original(*words)

    monkeypatch.setattr("tasks.transform.shard.read_again", meanwhile)
    key = victim.relative_to(source).as_posix()
    with pytest.raises(EigenwaveError, match=rf"The image {re.escape(key)} of \S+ changed during the run; start"):
        driver.analyse(source, tmp_path / "run")
    assert not Workspace(tmp_path / "run").latest_exists
    record("images edited while they are read", tried=1, survived=1)
