"""Both ways to use Slurm, with stand-ins for its commands that start the processes on this machine."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from flows.workers.fanout import InlineFanout
from flows.workers.local_cluster import free_port
from flows.workers.open import open_fanout
from storage.runs.run import open_run
from storage.settings import Settings
from tests.datasets import write_images
from tests.processes import noise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ROOT = Path(__file__).parent.parent.parent
COMMANDS = {
    # On both tasks that it was given.
    "srun": '"$@" & "$@" & trap "kill $(jobs -p)" TERM; wait',
    "sbatch": 'cp "$1" "$0.$$.job"; sh "$0.$$.job" > /dev/null 2>&1 & echo "Submitted batch job $!"',
    "scancel": 'for job in "$@"; do pkill --parent "$job"; done',
    "hostname": "echo 127.0.0.1",
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    return folder


@pytest.mark.usefixtures("prefect")
def test_the_script_stops_in_time_and_continues(slurm, tmp_path, monkeypatch):  # noqa: ARG001 - its commands
    images = write_images(tmp_path / "images", count=400)
    monkeypatch.setenv("EIGENWAVE_SHARED", str(tmp_path))
    monkeypatch.setenv("EIGENWAVE_PORT", str(free_port(0)))
    command = [
        "bash",
        str(ROOT / "deploy" / "slurm" / "analysis.sh"),
        str(images),
        "--rank",
        "4",
        "--shard-size",
        "16KiB",
    ]
    workspace = tmp_path / "eigenwave-workspace"

    def parts():
        return list(workspace.rglob("parts/*"))

    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as job:
        while not parts():
            assert job.poll() is None, job.stderr.read()
            time.sleep(0.05)
        job.send_signal(signal.SIGTERM)
        assert job.wait(60) == 143
    done = len(parts())
    assert list(workspace.rglob("manifest.json")) == []
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    manifest = open_run(workspace / "latest").manifest
    assert manifest.learnability["rank"] == 4
    assert 0 < done < len(manifest.shards)
    assert list(tmp_path.glob(".eigenwave-tls-*")) == []


def test_jobs_that_come_and_go(slurm, tmp_path, monkeypatch):
    tls = tmp_path / "tls"
    subprocess.run([ROOT / "deploy" / "certificates.sh", tls], check=True)
    options = {
        "cores": 1,
        "memory": "1GiB",
        "interface": "lo",
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        "job_extra_directives": ["--requeue"],
    }
    settings = Settings(cluster="dask_jobqueue.SLURMCluster", cluster_options=options, workers=2, tls=tls)
    work = partial(noise, 10), range(20), int, 1
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with open_fanout(settings) as fanout:
        assert fanout.map_sum(*work).tobytes() == InlineFanout().map_sum(*work).tobytes()
    jobs = [job.read_text() for job in slurm.glob("sbatch.*.job")]
    assert len(jobs) >= 2
    assert all("#SBATCH --requeue" in job and f"--tls-key {tls / 'tls.key'}" in job for job in jobs)
