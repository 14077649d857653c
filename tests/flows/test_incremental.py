"""Datasets that grow, shrink and change: a run remakes few shards, transforms few images, and its numbers are right."""

import numpy as np
import pytest

from storage.runs.run import open_run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tasks.transform import shard as module
from tests import naive
from tests.datasets import smooth_images
from tests.runs import finish

SETTINGS = {"rank": 4, "permutations": 2, "shard_size": 2**15}


@pytest.fixture
def source(tmp_path):
    return smooth_images(tmp_path / "data", count=60)


@pytest.fixture
def transformed(monkeypatch):
    """How many images are decoded and transformed while shards are made."""
    counts = []
    original = module.transformed_blocks

    def counted(job, source, payloads, count, *rest):
        counts.append(count)
        return original(job, source, payloads, count, *rest)

    monkeypatch.setattr(module, "transformed_blocks", counted)
    return counts


def analyse(source, tmp_path, **settings):
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(source), Settings(**SETTINGS | settings), workspace)
    finish(job)
    assert list(verify(workspace, job.paths)) == []
    return open_run(job.paths.folder)


def changed_shards(before, after):
    return [shard for shard, key in enumerate(after.manifest.shards) if key not in before.manifest.shards]


def keys(run):
    return run.tables["samples"]["key"].to_pylist()


def same_numbers(run, fresh):
    """Up to rounding: other rows are summed in another order."""
    for column in ("singular_value", "eta_squared", "energy_share"):
        np.testing.assert_allclose(run.tables["patterns"][column], fresh.tables["patterns"][column], rtol=1e-4)
    assert run.manifest.learnability["n"] == fresh.manifest.learnability["n"]


def test_a_few_changed_images_cost_a_few_transforms(source, tmp_path, transformed):
    first = analyse(source, tmp_path)
    assert sum(transformed) == 180
    assert len(first.manifest.shards) > 4
    transformed.clear()
    names = sorted(source.rglob("*.png"))
    for changed, other in ((names[3], names[4]), (names[100], names[101])):
        changed.write_bytes(other.read_bytes())
    second = analyse(source, tmp_path)
    assert sum(transformed) == 2
    assert len(changed_shards(first, second)) == 2
    assert keys(second) == keys(first)
    fresh = analyse(source, tmp_path / "fresh")
    # Rows taken over and rows made again are the same bits, so that shards are.
    assert second.manifest.shards == fresh.manifest.shards
    assert second.coefficients[:].tobytes() == fresh.coefficients[:].tobytes()
    same_numbers(second, fresh)


def test_new_images_go_to_the_end_and_removed_ones_are_masked(source, tmp_path, transformed):
    first = analyse(source, tmp_path)
    transformed.clear()
    smooth_images(source, count=2, start=500, seed=7, classes=("a", "c"))
    gone = source / "b" / "0007.png"
    content = gone.read_bytes()
    gone.unlink()
    second = analyse(source, tmp_path)
    assert sum(transformed) == 4
    assert keys(second)[:180] == keys(first)
    assert keys(second)[180:] == ["a/0500.png", "a/0501.png", "c/0500.png", "c/0501.png"]
    row = keys(first).index("b/0007.png")
    assert len(changed_shards(first, second)) <= 3
    sample = second.tables["samples"].to_pylist()[row]
    assert (sample["class_id"], sample["valid"], sample["digest"]) == (-1, False, None)
    assert second.tables["rejects"].num_rows == 0
    assert np.isnan(second.coefficients[row]).all()
    assert np.isnan(second.scores[row]).all()
    assert (second.manifest.plan["images"], second.manifest.plan["masked"], second.manifest.rejected) == (183, 1, 0)
    same_numbers(second, analyse(source, tmp_path / "fresh"))
    rows = second.coefficients[:].astype(np.float64)
    _, values, _, _ = naive.svd(rows[~np.isnan(rows[:, 0])], 4)
    np.testing.assert_allclose(second.tables["patterns"]["singular_value"], values, rtol=1e-4)

    gone.write_bytes(content)
    third = analyse(source, tmp_path)
    assert keys(third) == keys(second)
    assert third.manifest.plan["masked"] == 0
    gone.unlink()
    compacted = analyse(source, tmp_path, compact=True)
    assert keys(compacted) == sorted(key for key in keys(third) if key != "b/0007.png")
    assert compacted.manifest.plan["masked"] == 0


def test_shards_are_laid_out_anew_when_they_would_be_half_empty(source, tmp_path):
    first = analyse(source, tmp_path)
    for path in sorted(source.rglob("*.png"))[::3] + sorted(source.rglob("*.png"))[1::3]:
        path.unlink()
    second = analyse(source, tmp_path)
    assert second.manifest.plan["masked"] == 0
    assert keys(second) == [key for key in keys(first) if (source / key).exists()]


def test_a_new_image_in_the_middle_of_many_changes_one_shard(source, tmp_path):
    first = analyse(source, tmp_path)
    (source / "a" / "0000b.png").write_bytes((source / "a" / "0000.png").read_bytes())
    second = analyse(source, tmp_path)
    assert changed_shards(first, second) == [len(second.manifest.shards) - 1]
