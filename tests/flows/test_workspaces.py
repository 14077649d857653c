"""A run is the same wherever its workspace is."""

import pytest

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.runs import finish

SETTINGS = Settings(rank=4, solver="krylov", shard_size=2**15, permutations=3)


def analyse(source, address, run_id=None):
    workspace = Workspace(address)
    workspace.prepare()
    with workspace.lock():
        job = begin_run(str(source), SETTINGS, workspace, run_id)
        finish(job)
    return open_run(job.paths.folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), count=40)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    return analyse(source, tmp_path_factory.mktemp("expected"), "run")


def test_the_same_files_everywhere(source, expected, address):
    run = analyse(source, address, "run")
    assert run.manifest.files == expected.manifest.files
    assert run.scores[:].tobytes() == expected.scores[:].tobytes()
    assert open_run(f"{address}/latest").manifest == run.manifest
    assert open_run(f"{address}/runs/run").tables["patterns"].equals(expected.tables["patterns"])
    assert not (run.paths.folder / "work").is_dir()
    workspace = Workspace(address)
    assert [paths.run_id for paths in workspace.runs()] == ["run"]
    assert workspace.find(str(run.paths.folder)).manifest == run.paths.manifest
    shards = [path for path in (workspace.folder / "shards").files() if path.name.endswith(".json")]
    assert len(shards) == len(run.manifest.all_shards) == 3 * len(run.manifest.shards)


def test_an_interrupted_run_continues_everywhere(source, expected, address):
    workspace = Workspace(address)
    workspace.prepare()
    job = begin_run(str(source), SETTINGS, workspace, "run")
    stages.transform(job, InlineFanout(), stages.silent)
    stages.project(job, InlineFanout(), stages.silent)
    assert not job.paths.manifest.exists()
    with pytest.raises(InputError, match="never finished"):
        workspace.find("run")
    assert analyse(source, address, "run").manifest.files == expected.manifest.files


def test_one_writer_everywhere(address):
    workspace = Workspace(address)
    workspace.prepare()
    with workspace.lock() as lease:
        lease.require()
        with pytest.raises(InputError, match="is in use by process"), Workspace(address).lock():
            pass
    with workspace.lock():
        pass
