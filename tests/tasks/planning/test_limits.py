"""A run takes at most the disk space of its plan, and is refused before it computes if the disk has less."""

import pytest

from flows import stages
from flows.stages import report_run
from flows.workers.fanout import InlineFanout
from storage.errors import InputError
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.local import LocalStore
from tasks.planning.outlay import disk_bytes
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.runs import local

SETTINGS = {"rank": 12, "permutations": 4, "shard_size": 2**18, "tolerance": 0.9}


def bytes_in(folder):
    """Of every file once, however many names it has."""
    found = {path.stat().st_ino: path.stat().st_size for path in local(folder).rglob("*") if path.is_file()}
    return sum(found.values())


@pytest.mark.parametrize(
    "solver", ["krylov", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gram", "dual"))]
)
def test_runs_take_no_more_than_was_projected(tmp_path, solver):
    source = smooth_images(tmp_path / "data", shape=(32, 32), count=150)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(source), Settings(**SETTINGS, solver=solver), workspace)
    stages.compute(job, InlineFanout())
    report_run(job)
    parts = disk_bytes(job.plan, SETTINGS["permutations"])
    assert bytes_in(workspace.folder) <= sum(parts.values())
    # And not so much less that runs would be refused that fit.
    assert bytes_in(job.paths.work.folder) > 0.3 * parts["intermediate state"]
    assert bytes_in(workspace.folder / "shards") > 0.9 * parts["coefficients"]


def test_a_full_disk_is_told_before_anything_is_computed(class_folders, tmp_path, monkeypatch):
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    needed = []

    def refused(free, **settings):
        monkeypatch.setattr(LocalStore, "free", lambda _: free)
        with pytest.raises(
            InputError, match=r"may take \d+ MiB more in the workspace .* where \d+ MiB are free: "
        ) as told:
            begin_run(str(class_folders), Settings(rank=2, **settings), workspace)
        needed.append(int(str(told.value).split("take ")[1].split()[0]))

    refused(2**20)
    assert workspace.runs() == []
    monkeypatch.undo()
    job = begin_run(str(class_folders), Settings(rank=2, permutations=2), workspace, "first")
    stages.run_stages(job, InlineFanout())
    refused(2**20, permutations=2)
    # The coefficients are there already.
    assert needed[1] <= needed[0] - job.plan.coefficient_bytes // 2**20
    monkeypatch.setattr(LocalStore, "free", lambda _: (needed[1] + 1) * 2**20)
    begin_run(str(class_folders), Settings(rank=2, permutations=2), workspace)


def test_object_stores_are_not_asked(s3_server, monkeypatch, class_folders):
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    workspace = Workspace(f"{s3_server[0]}/room")
    assert workspace.folder.store.free() is None
    assert begin_run(str(class_folders), Settings(rank=2), workspace).run_id
