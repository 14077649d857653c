import numpy as np
import pytest
from PIL import Image

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.tables.batches import read_batch
from tasks.planning import memory
from tasks.run.begin import begin_run
from tests.runs import analyse, results
from tests.tasks.inspect.planted import copy_nearly, planted

QUICK = {"scales": False, "permutations": 1, "rank": 8}


def pairs_of(run):
    return [(row["key"], row["other_key"], row["exact"]) for row in run.tables["near_duplicates"].to_pylist()]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    exact, near = planted(folder / "data")
    return folder, analyse(folder / "data", folder / "workspace", run_id="whole", **QUICK), exact, near


def test_every_planted_copy_is_found_and_nothing_else(found):
    _, run, exact, near = found
    planted = {(*sorted(pair), True) for pair in exact} | {(*sorted(pair), False) for pair in near}
    pairs = pairs_of(run)
    assert {(*sorted(pair[:2]), pair[2]) for pair in pairs} == planted
    assert len(pairs) == len(planted)


def test_numbers_of_copies_leaks_and_conflicts(found):
    _, run, _, _ = found
    row = run.tables["duplication"].to_pylist()[0]
    assert row["images"] == 90 + 36 + 6
    assert (row["exact_pairs"], row["near_pairs"], row["groups"], row["largest_group"]) == (3, 3, 6, 2)
    assert (row["duplicates"], row["duplicate_fraction"]) == (6, pytest.approx(6 / 132))
    assert (row["other_split"], row["exactly_leaked"], row["leaked"]) == (38, 1, 2)
    assert row["leaked_fraction"] == pytest.approx(2 / 38)
    assert row["conflicts"] == 2


def test_the_same_bits_however_the_search_is_cut(found, tmp_path, monkeypatch):
    folder, run, _, _ = found
    small = {**QUICK, "shard_size": 2**15}
    whole = analyse(folder / "data", tmp_path / "one", run_id="whole", **small)
    monkeypatch.setattr(memory, "SEARCHED", 1)
    cut = analyse(folder / "data", tmp_path / "two", run_id="whole", **small)
    assert results(whole) == results(cut)
    assert pairs_of(whole) == pairs_of(run)


def test_images_without_label_take_part_and_bad_ones_do_not(tmp_path):
    planted(tmp_path / "data" / "images")
    (tmp_path / "data" / "images" / "train" / "a" / "bad.png").write_bytes(b"\x89PNG but no image")
    (tmp_path / "data" / "images" / "train" / "a" / "worse.png").write_bytes(b"\x89PNG but no image")
    files = sorted((tmp_path / "data" / "images").rglob("*.png"))
    rows = [
        f"images/{path.relative_to(tmp_path / 'data' / 'images')},"
        f"{'' if path.name == 'near.png' else path.parent.name},{path.parent.parent.name}"
        for path in files
    ]
    (tmp_path / "data" / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    run = analyse(
        tmp_path / "data" / "list.csv", tmp_path / "workspace", unlabelled="keep", max_bad_fraction=0.1, **QUICK
    )
    table = run.tables["near_duplicates"].to_pylist()
    unlabelled = [row for row in table if not row["exact"]]
    assert len(table) == 6
    assert {row["class_name"] for row in unlabelled} | {row["other_class_name"] for row in unlabelled} > {None}
    row = run.tables["duplication"].to_pylist()[0]
    assert (row["images"], row["leaked"], row["conflicts"]) == (132, 2, 1)


def test_an_interrupted_search_continues(tmp_path, monkeypatch):
    planted(tmp_path / "data")
    monkeypatch.setattr(memory, "SEARCHED", 1)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(tmp_path / "data"), Settings(**QUICK, shard_size=2**15), workspace, "run")
    for stage in stages.stages_of(job):
        if stage.name == "neighbours":
            break
        for _, work in stage.steps(job):
            work(job, InlineFanout(), stages.silent)

    class Failing(InlineFanout):
        def map_sum(self, function, shards, advance, result_bytes):
            super().map_sum(function, shards[:2], advance, result_bytes)
            raise EigenwaveError("no more")

    assert len(memory.neighbour_shards(job.plan)) > 2
    with pytest.raises(EigenwaveError):
        stages.find_neighbours(job, Failing(), stages.silent)
    assert not job.paths.work.copies.exists()
    assert stages.find_neighbours(job, InlineFanout(), stages.silent) is True
    assert stages.find_neighbours(job, InlineFanout(), stages.silent) is False
    masks = [read_batch(job.paths.work.copies, shard) for shard in range(job.plan.shards)]
    assert sum(np.asarray(mask["leaked"]).sum() for mask in masks) == 2
    # Held-out checks learn from the images whose copies are in the other split.
    assert sum((np.asarray(mask["learned"]) & np.asarray(mask["leaked"])).sum() for mask in masks) == 2


def test_copies_by_jpeg_are_near_duplicates(tmp_path):
    planted(tmp_path / "data")
    for name in ("a/0010", "b/0011", "c/0012"):
        Image.open(tmp_path / "data" / "train" / f"{name}.png").save(
            tmp_path / "data" / "test" / f"{name}.jpg", quality=95
        )
    run = analyse(tmp_path / "data", tmp_path / "workspace", **QUICK)
    assert run.tables["duplication"].to_pylist()[0]["leaked"] == 2 + 3


def test_copies_of_copies_are_one_group(tmp_path):
    planted(tmp_path / "data")
    copy_nearly(tmp_path / "data", "train/a/near.png", "test/a/again.png")
    run = analyse(tmp_path / "data", tmp_path / "workspace", **QUICK)
    row = run.tables["duplication"].to_pylist()[0]
    assert (row["groups"], row["largest_group"], row["duplicates"]) == (6, 3, 7)
