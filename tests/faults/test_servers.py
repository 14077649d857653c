"""Servers that die in the middle of a run: Dask's scheduler, and Prefect's server."""

import os
import signal
import subprocess
import threading
from contextlib import contextmanager

import pytest

from flows import analysis as flow
from flows.tracking.progress import stage_progress
from flows.workers.local_cluster import free_port
from storage.errors import ClusterLostError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.processes import EIGENWAVE, dask_processes, serving_prefect

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**12, "permutations": 2, "passes": 3, "tolerance": 0.5}
STAGES = ("transform", "project")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)


def analyse(source, folder, **settings):
    flow.analysis(str(source), str(folder), Settings(**SETTINGS | {"cluster": "inline"} | settings), "run")
    return open_run(folder / "runs" / "run").manifest.files


@pytest.fixture(scope="module")
def expected(source, prefect_server, tmp_path_factory):
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        return analyse(source, tmp_path_factory.mktemp("expected"))


@pytest.fixture
def at_third_shard(monkeypatch):
    """Do something once, when three shards of a stage are done."""

    def arrange(stage, act):
        @contextmanager
        def progress(name, shards, **words):
            done = iter(range(1, shards + 1))
            with stage_progress(name, shards, **words) as advance:

                def counted():
                    if next(done) == 3 and name == stage:
                        act()
                    advance()

                yield counted

        monkeypatch.setattr(flow, "stage_progress", progress)

    return arrange


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize("stage", STAGES)
def test_a_run_goes_on_when_its_scheduler_is_back(source, expected, at_third_shard, monkeypatch, tmp_path, stage):
    monkeypatch.setattr(flow, "RECONNECT_SECONDS", (1, 5, 30))
    port, deaths = free_port(0), []
    with dask_processes(tmp_path, port) as (address, (scheduler, _)):

        def replace():
            if not deaths:
                deaths.append(stage)
                scheduler.kill()
                scheduler.wait()
                starting.start()

        following = dask_processes(tmp_path, port)  # once the first is gone, and its port free
        starting = threading.Thread(target=following.__enter__)
        at_third_shard(stage, replace)
        try:
            assert analyse(source, tmp_path / "workspace", cluster=address) == expected
        finally:
            if deaths:
                starting.join()
                following.__exit__(None, None, None)
    assert deaths == [stage]
    record(f"scheduler killed, and back: {stage}", tried=1, survived=1)


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_run_whose_scheduler_stays_away_is_told_and_continued(
    source, expected, at_third_shard, monkeypatch, tmp_path
):
    monkeypatch.setattr(flow, "RECONNECT_SECONDS", ())
    folder = tmp_path / "workspace"
    with dask_processes(tmp_path, free_port(0)) as (address, (scheduler, _)):
        at_third_shard("transform", scheduler.kill)
        with pytest.raises(ClusterLostError, match=r"was lost in the middle of a stage .* finished shards are kept"):
            analyse(source, folder, cluster=address)
    shards = {path: path.stat().st_mtime_ns for path in (folder / "shards").rglob("*") if path.is_file()}
    assert len(shards) >= 6
    assert not Workspace(folder).latest_exists
    assert analyse(source, folder) == expected
    assert shards.items() <= {path: path.stat().st_mtime_ns for path in (folder / "shards").rglob("*")}.items()
    record("scheduler killed, and not back", tried=1, survived=1)


@pytest.mark.slow
def test_a_run_goes_on_when_prefects_server_dies(source, expected, tmp_path):
    folder = tmp_path / "workspace"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    command = [EIGENWAVE, "run", source, "--workspace", folder, "--run-id", "run", "--cluster", "inline", *words]
    # Prefect asks a server that is gone again and again; here for some seconds only.
    environment = os.environ | {"PREFECT_CLIENT_MAX_RETRIES": "1"}
    with serving_prefect(tmp_path) as (address, server):
        run = subprocess.Popen(
            command,
            env=environment | {"PREFECT_API_URL": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not list(folder.rglob("parts/*2.batches")):
            assert run.poll() is None, run.communicate()
        os.killpg(server.pid, signal.SIGKILL)
        output, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert "Labels account for" in output
    assert "the run is finished, but Prefect does not know: Prefect's server at" in errors
    assert "Traceback" not in errors
    assert open_run(folder / "runs" / "run").manifest.files == expected
    record("Prefect's server killed", tried=1, survived=1)


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told_in_one_sentence(class_folders, tmp_path):
    command = [EIGENWAVE, "run", class_folders, "--cluster", "inline"]
    environment = os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    told = run.stderr.splitlines()[-1]
    assert told.startswith("eigenwave: Prefect's server at http://127.0.0.1:9/api does not answer (")
    assert "unset PREFECT_API_URL to do without" in told
    assert "Traceback" not in run.stderr
