"""A driver that is stopped, loses its workspace to another one, and wakes when that has finished the run."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from flows.analysis import analysis
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores import lease
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.processes import wait_for
from tests.runs import contents
from tests.structure import ROOT

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**12, "permutations": 2, "passes": 3, "tolerance": 0.5}
DRIVER = """
import os, signal, sys
from eigenwave.__main__ import main
from flows.workers import fanout
from storage.stores import lease

lease._machine = lambda: "another machine"
stage, call, sys.argv = sys.argv[1], int(sys.argv[2]), sys.argv[2:]
shards = fanout.compute
seen = []

def stopping(function, shard):
    seen.append(getattr(function, "func", function).__name__)
    if seen.count(stage) == call:
        os.kill(os.getpid(), signal.SIGSTOP)
    return shards(function, shard)

fanout.compute = stopping
main()
"""


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("stage", "call"),
    [
        pytest.param("transform_shard", 3, marks=pytest.mark.soak),
        pytest.param("project_shard", 3, marks=pytest.mark.slow),
        pytest.param("judge_shards", 1, marks=pytest.mark.slow),  # one call takes all shards of so few images
    ],
)
def test_a_driver_that_wakes_late_changes_nothing(stage, call, s3_server, monkeypatch, tmp_path):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    address = f"{s3_server[0]}/{tmp_path.name}"
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 1.0)
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    words = ["run", source, "--workspace", address, "--run-id", "run", "--cluster", "inline", *words]
    with (tmp_path / "log").open("wb") as log:
        late = subprocess.Popen(
            [sys.executable, "-c", DRIVER, stage, str(call), *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        stopped = psutil.Process(late.pid)
        wait_for(lambda: stopped.status() == psutil.STATUS_STOPPED, late, tmp_path / "log")
        analysis(str(source), address, Settings(**SETTINGS, cluster="inline"), "run")
        finished = contents(Workspace(address))
        late.send_signal(signal.SIGCONT)
        assert late.wait(60) == 1
    finally:
        late.kill()
        late.wait()
    said = (tmp_path / "log").read_text()
    assert f"was taken over by process {os.getpid()} on " in said
    assert "Traceback" not in said
    left = contents(Workspace(address))
    assert {name: left.get(name) for name in finished} == finished
    assert list(verify(Workspace(address), Workspace(address).run("run"))) == []
    record("driver that wakes when another has finished its run", tried=1, survived=1)
