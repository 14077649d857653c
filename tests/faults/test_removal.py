"""Runs are removed whole, whenever the process that removes them is killed, and nothing else is."""

import os
import shutil
import signal
from datetime import timedelta

import pytest

from storage.errors import InputError
from storage.runs.garbage import collect, garbage
from storage.runs.notes import AuditRecord, keep_audit, keep_tags
from storage.runs.removal import finish_removals, remove_runs
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import write_file
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record
from tests.forks import FORKS
from tests.runs import SMALL, analyse, contents

# Changes to the disk, counted from 1: each of the first, which say what the run is, and some of the many that follow.
PLACES = (*range(1, 9), *range(9, 200, 11))


def two_runs(source, address):
    """A workspace with two runs of different images, and all that it keeps about the first."""
    analyse(source, address, run_id="old", **SMALL)
    smooth_images(source, count=10, seed=7)
    analyse(source, address, run_id="new", **SMALL)
    workspace = Workspace(address)
    keep_tags(workspace, "old", ["release"])
    keep_audit(workspace, "old", AuditRecord(None, {}, {}))
    write_file(workspace.association("old", "site") / "column_summary.parquet", b"asked")
    return workspace


def about(workspace, run_id):
    """Keys of all files that are about a run."""
    names = {run_id, f"{run_id}.json", f"{run_id}.batches"}
    return [path.key for path in workspace.folder.files() if names & set(path.key.split("/"))]


def test_a_removed_run_leaves_nothing_and_the_others_are_intact(address, tmp_path):
    workspace = two_runs(smooth_images(tmp_path / "data", count=20), address)
    others = {key: digest for key, digest in contents(workspace).items() if key not in about(workspace, "old")}
    remove_runs(workspace, ["old"])
    assert about(workspace, "old") == []
    assert {key: digest for key, digest in contents(workspace).items() if key in others} == others
    entries = garbage(workspace, timedelta(0))
    assert entries
    collect(workspace, entries)
    assert list(verify(workspace, workspace.find("latest"))) == []
    assert garbage(workspace, timedelta(0)) == []
    assert [paths.run_id for paths in workspace.runs()] == ["new"]


def _removed_and_killed(folder, place, moment):
    with driver.changes(driver.ending(place, moment, lambda _: os.kill(os.getpid(), signal.SIGKILL))):
        remove_runs(Workspace(folder), ["old"])


@pytest.mark.slow
def test_a_killed_removal_leaves_a_whole_run_or_none(tmp_path):
    source = smooth_images(tmp_path / "data", count=20)
    two_runs(source, tmp_path / "workspace")
    kills = whole = 0
    for place in PLACES:
        for moment in ("before", "after"):
            folder = tmp_path / "copy"
            shutil.copytree(tmp_path / "workspace", folder, copy_function=os.link)
            process = FORKS.Process(target=_removed_and_killed, args=(folder, place, moment))
            process.start()
            process.join()
            killed = process.exitcode == -signal.SIGKILL
            process.close()
            workspace = Workspace(folder)
            there = "old" in {paths.run_id for paths in workspace.runs()}
            begun = workspace.removals()
            if there:
                assert list(verify(workspace, workspace.find("old"))) == []
                assert workspace.tags("old").exists()
                whole += 1
            else:
                with pytest.raises(InputError, match="has no run old"):
                    workspace.find("old")
                assert finish_removals(workspace) == begun
                assert about(workspace, "old") == []
            assert list(verify(workspace, workspace.find("new"))) == []
            shutil.rmtree(folder)
            kills += killed
        if not killed:
            break
    assert kills > 2 * 10
    assert whole == 1  # before the mark is written
    record("removal of a run killed", tried=kills, survived=kills)


def test_a_run_whose_removal_was_interrupted_is_neither_continued_nor_compared(tmp_path):
    source = smooth_images(tmp_path / "data", count=20)
    workspace = two_runs(source, tmp_path / "workspace")
    write_file(workspace.removal("old"))
    with pytest.raises(InputError, match=r"run old is being removed, .* eigenwave gc"):
        begin_run(str(source), Settings(**SMALL), workspace, "old")
    assert finish_removals(workspace) == ["old"]
    assert begin_run(str(source), Settings(**SMALL), workspace, "old").compared_with == "new"
