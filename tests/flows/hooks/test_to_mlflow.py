"""A run in MLflow, with its real client; the slow test has a real server."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import httpx
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from flows.documents.runs import Summary
from flows.hooks.call import call_hooks
from flows.hooks.to_mlflow import require_mlflow
from flows.workers.local_cluster import free_port
from storage.errors import InputError
from storage.runs.run import open_run
from storage.settings import Settings
from tests.environments import newest
from tests.runs import local

WANTED = Settings(mlflow="quality")


@pytest.fixture
def small_run(drifting):
    """A run of a dataset that was analyzed before it changed."""
    return drifting[3]


@pytest.fixture
def tracking(tmp_path, monkeypatch):
    """A folder in which MLflow's client keeps runs itself, without a server."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracking").as_uri())
    return MlflowClient((tmp_path / "tracking").as_uri())


def runs_of(client, name="quality"):
    return client.search_runs([client.get_experiment_by_name(name).experiment_id])


def test_a_run_has_its_numbers_settings_and_files(tracking, small_run, tmp_path):
    call_hooks(small_run, WANTED, pytest.fail)
    call_hooks(small_run, WANTED, pytest.fail)  # the experiment is there now
    logged = runs_of(tracking)[0]
    assert len(runs_of(tracking)) == 2
    assert (logged.info.run_name, logged.info.status) == (small_run.paths.run_id, "FINISHED")
    summary = Summary.of(small_run)
    row = small_run.manifest.learnability
    assert logged.data.metrics["learnability"] == row["learnability"]
    assert logged.data.metrics["images"] == summary.images
    drift = small_run.tables["compared_runs"].to_pylist()[0]
    assert logged.data.metrics["drift/learnability_drop"] == drift["learnability_drop"]
    counts = {f"issues/{kind}": count for kind, count in summary.issues.items()}
    assert counts
    assert counts.items() <= logged.data.metrics.items()
    assert {name for name, value in row.items() if value is None}.isdisjoint(logged.data.metrics)
    assert (logged.data.params["rank"], logged.data.params["source"]) == ("4", summary.source)
    assert logged.data.tags["mlflow.note.content"] == summary.verdict
    files = tracking.download_artifacts(logged.info.run_id, "", str(tmp_path))
    found = {path.relative_to(files).as_posix(): path for path in local(files).rglob("*.*")}
    tables = {f"tables/{name}.parquet" for name in small_run.tables}
    assert found.keys() >= tables | {"manifest.json", "issues.csv"}
    assert pq.read_table(found["tables/patterns.parquet"]).equals(small_run.tables["patterns"])
    assert found["report.html"].read_bytes() == small_run.paths.report.read_bytes()


def test_what_fails_midway_is_marked_and_told(tracking, small_run, monkeypatch):
    monkeypatch.setattr(MlflowClient, "log_artifact", lambda *_: 1 / 0)
    warnings = []
    call_hooks(small_run, WANTED, warnings.append)
    assert [run.info.status for run in runs_of(tracking)] == ["FAILED"]
    assert warnings == [
        "Logging to MLflow failed: ZeroDivisionError: division by zero. The run is finished and intact."
    ]


def test_what_is_missing_is_named_before_anything_is_computed(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    require_mlflow(Settings())
    with pytest.raises(InputError, match=r"set MLFLOW_TRACKING_URI, such as to http://127\.0\.0\.1:5000\.$"):
        require_mlflow(WANTED)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    require_mlflow(WANTED)
    monkeypatch.setattr("flows.hooks.to_mlflow.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'eigenwave\[mlflow\]'\.$"):
        require_mlflow(WANTED)


@contextmanager
def serving(folder):
    """A real MLflow server in an environment of its own, since it takes no version of pyarrow as new as ours."""
    python, port = newest(folder / "venv", "mlflow"), free_port(5000)
    words = [python.parent / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", folder / "artifacts"]
    variables = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(words, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_http(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def wait_for_http(address, server, log):
    """Wait until a server answers."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            if httpx.get(address).is_success:
                return
        time.sleep(0.5)
    pytest.fail(log.read_text())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_has_what_commands_logged(tmp_path, eigenwave, class_folders):
    """What it has is asked of its web interface, without MLflow's client."""
    (tmp_path / "server").mkdir()
    few = ("--cluster", "inline", "--rank", "2", "--permutations", "1", "--no-scales", "--mlflow", "quality")
    with serving(tmp_path / "server") as address:
        for verb in ("run", "audit"):
            done = eigenwave(verb, class_folders, *few, "--run-id", f"of-{verb}", MLFLOW_TRACKING_URI=address)
            assert done.returncode == 0, done.stderr
            assert "failed" not in done.stderr
        api, artifacts = f"{address}/api/2.0/mlflow", f"{address}/api/2.0/mlflow-artifacts/artifacts"
        found = httpx.get(f"{api}/experiments/get-by-name", params={"experiment_name": "quality"}).json()
        wanted = {"experiment_ids": [found["experiment"]["experiment_id"]], "order_by": ["start_time ASC"]}
        runs = httpx.post(f"{api}/runs/search", json=wanted).json()["runs"]
        assert [run["info"]["run_name"] for run in runs] == ["of-run", "of-audit"]
        for run in runs:
            metrics = {each["key"]: each["value"] for each in run["data"]["metrics"]}
            opened = open_run(tmp_path / "eigenwave-workspace" / "runs" / run["info"]["run_name"])
            assert metrics["learnability"] == opened.manifest.learnability["learnability"]
            assert {each["key"]: each["value"] for each in run["data"]["params"]}["rank"] == "2"
            place = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
            report = httpx.get(f"{artifacts}/{place}/report.html").content
            assert report == opened.paths.report.read_bytes()
            assert run["info"]["status"] == "FINISHED"
        assert metrics["drift/new_classes"] == 0
    gone = eigenwave("run", class_folders, *few, "--quiet", "--run-id", "unheard", MLFLOW_TRACKING_URI=address)
    assert gone.returncode == 0
    (told,) = [line for line in gone.stderr.splitlines() if line.startswith("Logging to MLflow failed: ")]
    assert told.endswith("The run is finished and intact.")
