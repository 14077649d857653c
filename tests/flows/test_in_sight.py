"""Problems during a run are visible in Prefect, and the run ends in the right state."""

import logging
import random
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import psutil
import pytest
import yaml

from flows import stages
from flows.workers.fanout import InlineFanout
from flows.workers.local_cluster import free_port
from flows.workers.open import open_fanout
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests.datasets import write_images
from tests.processes import EIGENWAVE, ask, dask_processes, tasks_of
from tests.runs import results
from tests.soak import rounds
from tests.structure import ROOT

# A hundred shards, in several passes.
MANY = {"shard_size": 2**12, "solver": "krylov", "rank": 8, "permutations": 2}


def command(source, workspace, **settings):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (MANY | settings).items()]
    return [EIGENWAVE, "run", str(source), "--workspace", str(workspace), "--run-id", "run", *flags]


def inline(source, folder):
    """The same run in this process, without Prefect."""
    workspace = Workspace(folder)
    workspace.prepare()
    job = begin_run(str(source), Settings(**MANY), workspace, "run")
    stages.run_stages(job, InlineFanout())
    return open_run(job.paths.folder)


def wait_for_shards(run, workspace):
    while not list(workspace.rglob("parts/*")):
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


def run_of(server, workspace):
    """The flow run with this workspace."""
    found = ask(server, "flow_runs/filter", {"sort": "START_TIME_DESC"})
    return next(run for run in found if run["parameters"]["workspace"] == str(workspace))


def log_of(server, run, words, seconds=20):
    """Lines of the run's log with these words; they take some time to arrive."""
    chosen = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
    for _ in range(seconds):
        lines = [line["message"] for line in ask(server, "logs/filter", chosen) if words in line["message"]]
        if lines:
            break
        time.sleep(1)
    return lines


def workers_of(process):
    """Dask's workers are the processes that a run spawns."""
    found = []
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.soak
def test_workers_killed_every_few_seconds_change_nothing_and_are_told(prefect, tmp_path):
    expected = results(inline("digits", tmp_path / "inline"))
    for seed in rounds():
        workspace = tmp_path / str(seed)
        assert run_and_kill(workspace, random.Random(seed)) >= 2  # noqa: S311 - only the seconds between
        assert results(open_run(workspace / "runs" / "run")) == expected
        assert log_of(prefect, run_of(prefect, workspace), "was lost; its results are computed again.")


def run_and_kill(workspace, chance):
    """Kill workers from outside, by process id, whatever they are doing; gives how many.

    The pauses grow, since on a slow machine no worker would ever finish a task.
    """
    killed = 0
    with subprocess.Popen(command("digits", workspace, workers=2), stderr=subprocess.PIPE, text=True) as run:
        wait_for_shards(run, workspace)
        while run.poll() is None:
            for victim in workers_of(run.pid)[:1]:
                victim.kill()
                killed += 1
            time.sleep(chance.uniform(4, 6) * (1 + killed / 4))
        assert run.returncode == 0, run.stderr.read()
    return killed


def warn(shard):
    logging.getLogger("decoder").warning("image %d is odd", shard)
    return 1


def test_what_workers_warn_of_is_told():
    told = []
    with open_fanout(Settings(workers=1), lambda *line: told.append(line)) as fanout:
        fanout.map_sum(warn, range(3), int, 1)
        for _ in range(100):
            warnings = {line for line in told if "odd" in line[1]}
            if len(warnings) == 3:
                break
            time.sleep(0.05)
    assert warnings == {(logging.WARNING, f"decoder: image {shard} is odd") for shard in range(3)}


@pytest.mark.slow
def test_a_run_started_by_hand_stops_when_it_is_cancelled_and_can_be_continued(prefect, tmp_path):
    source, workspace = write_images(tmp_path / "data", count=400), tmp_path / "workspace"
    with dask_processes(tmp_path, free_port(0)) as (address, _):
        with subprocess.Popen(command(source, workspace, cluster=address), stderr=subprocess.PIPE, text=True) as run:
            wait_for_shards(run, workspace)
            found = run_of(prefect, workspace)
            ask(prefect, f"flow_runs/{found['id']}/set_state", {"state": {"type": "CANCELLING"}})
            errors = run.communicate(timeout=60)[1]
        assert run.returncode == 1
        sentence = "The run was cancelled in Prefect; the same command continues it, finished work is kept."
        assert errors.splitlines()[-1] == f"eigenwave: {sentence}"
        state = ask(prefect, f"flow_runs/{found['id']}")["state"]
        assert (state["type"], state["message"]) == ("CANCELLED", sentence)
        deadline = time.monotonic() + 20
        while tasks_of(address) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert tasks_of(address) == 0
    done = len(list(workspace.rglob("parts/*")))
    assert not list(workspace.rglob("manifest.json"))
    assert 0 < done < len(inline(source, workspace).manifest.shards)


@pytest.mark.slow
def test_a_run_whose_process_dies_is_called_crashed(prefect, tmp_path):
    """With the automation of deploy/automations.yaml, which waits a ninth as long here."""
    automations = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text())
    for automation in automations["automations"]:
        automation["trigger"]["within"] = 10
    (tmp_path / "automations.yaml").write_text(yaml.safe_dump(automations))
    create = ["prefect", "automation", "create", "--from-file", tmp_path / "automations.yaml"]
    subprocess.run([sys.executable, "-m", *map(str, create)], check=True, capture_output=True)
    (created,) = ask(prefect, "automations/filter", {})
    try:
        workspace = tmp_path / "workspace"
        run = subprocess.Popen(command("digits", workspace, cluster="inline"), stderr=subprocess.PIPE, text=True)
        wait_for_shards(run, workspace)
        run.kill()
        run.communicate()
        found = run_of(prefect, workspace)
        for _ in range(60):
            state = ask(prefect, f"flow_runs/{found['id']}")["state"]
            if state["type"] != "RUNNING":
                break
            time.sleep(1)
        assert state["type"] == "CRASHED"
        assert state["message"].startswith("Its process has been silent for too long.")
    finally:
        urllib.request.urlopen(urllib.request.Request(f"{prefect}/automations/{created['id']}", method="DELETE"))  # noqa: S310
