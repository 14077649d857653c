"""Both ways to use Slurm on its real daemons: jobs queue, reach their time limit, are cancelled and requeued."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli.ending import INTERRUPTION
from storage.runs.run import open_run
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.processes import EIGENWAVE
from tests.runs import analyse
from tests.slurm import slurm
from tests.structure import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SCRIPT = ROOT / "deploy" / "slurm" / "analysis.sh"
SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**12, "permutations": 2, "passes": 3, "tolerance": 0.5}
WORDS = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
PATHS = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    """The digests of the files of two runs, one after the other, in this process."""
    folder = tmp_path_factory.mktemp("expected")
    return {name: files(analyse(source, folder, run_id=name, report=True, **SETTINGS)) for name in ("run", "second")}


def files(run):
    """The digests of a run's files, but of its plan, which names the folder of the run before."""
    return {name: digest for name, digest in run.manifest.files.items() if name != "plan.json"}


class Jobs:
    """Jobs of deploy/slurm/analysis.sh on one workspace."""

    def __init__(self, cluster, source, folder, prefect):
        self.cluster, self.source, self.workspace, self.scratch = cluster, source, folder / "workspace", folder / "tmp"
        self.scratch.mkdir()
        self.environment = PATHS | {"TMPDIR": str(self.scratch), "EIGENWAVE_SHARED": str(folder)}
        self.environment |= {"PREFECT_API_URL": prefect}

    def submit(self, *words, run_id="run", tasks=2, **environment):
        job = [*words, "--nodes=1", f"--ntasks-per-node={tasks}", SCRIPT, self.source]
        job += ["--workspace", self.workspace, "--run-id", run_id, *WORDS]
        return self.cluster.submit(*map(str, job), **self.environment | environment)

    def started(self, *words, **options):
        """A job that has finished some of its shards."""
        job = self.submit(*words, **options)
        while not self.parts():
            assert self.cluster.job(job)["JobState"] in {"PENDING", "RUNNING"}, self.cluster.output(job)
            time.sleep(0.05)
        return job

    def parts(self):
        return [path for path in self.workspace.rglob("parts/*") if path.is_file()]

    def finished(self, job):
        """Wait for a job that must finish its run."""
        assert self.cluster.ended(job) == "COMPLETED", self.cluster.output(job)

    def files(self, run_id="run"):
        return files(open_run(self.workspace / "runs" / run_id))

    def require_nothing_left(self):
        """Neither keys nor temporary folders."""
        assert list(self.scratch.iterdir()) == []
        assert list(self.scratch.parent.glob(".eigenwave-tls-*")) == []


@pytest.fixture
def jobs(cluster, source, prefect_server, tmp_path):
    jobs = Jobs(cluster, source, tmp_path, prefect_server)
    yield jobs
    cluster.end()


def test_jobs_on_one_workspace_queue(jobs, expected, cluster):
    first, second = (jobs.submit("--dependency=singleton", run_id=name, tasks=1) for name in ("run", "second"))
    while cluster.job(first)["JobState"] == "PENDING":
        time.sleep(0.1)
    assert cluster.job(second)["Reason"] == "Dependency"
    jobs.finished(first)
    jobs.finished(second)
    assert {name: jobs.files(name) for name in ("run", "second")} == expected
    jobs.require_nothing_left()
    record("Slurm jobs that queue for one workspace", tried=1, survived=1)


def test_a_job_that_reaches_its_time_limit_is_continued(jobs, expected, cluster):
    job = jobs.started()
    done = len(jobs.parts())
    with cluster.held(job):
        assert not (jobs.workspace / "runs" / "run" / "manifest.json").exists()
        # The job's signal is due 120 s before its end, that is now; Slurm looks every 30 s.
        minutes = int(cluster.ask("squeue", "--noheader", "--format=%M", "--job", job).split(":")[-2]) + 2
        cluster.ask("scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}")
        while job in cluster.queued() and INTERRUPTION not in cluster.output(job):
            time.sleep(0.2)
    assert INTERRUPTION in cluster.output(job)
    assert cluster.ended(job) in {"FAILED", "TIMEOUT"}
    jobs.require_nothing_left()
    kept = {path: path.stat().st_mtime_ns for path in (jobs.workspace / "shards").rglob("*.json")}
    assert len(kept) >= done > 0
    jobs.finished(jobs.submit())
    assert jobs.files() == expected["run"]
    assert (
        kept.items() <= {path: path.stat().st_mtime_ns for path in (jobs.workspace / "shards").rglob("*.json")}.items()
    )
    record("Slurm job at its time limit", tried=1, survived=1)


def test_a_job_that_is_cancelled_is_continued(jobs, expected, cluster):
    # With a Prefect server of its own: scancel sends its signal to that too.
    job = jobs.started(tasks=1, PREFECT_API_URL="")
    with cluster.held(job):
        other = jobs.submit(tasks=1)
        assert cluster.ended(other) == "FAILED"
        assert "is in use by process" in cluster.output(other)
        cluster.ask("scancel", job)
    assert cluster.ended(job) == "CANCELLED"
    assert INTERRUPTION in cluster.output(job)
    jobs.require_nothing_left()
    jobs.finished(jobs.submit())
    assert jobs.files() == expected["run"]
    record("Slurm job cancelled", tried=1, survived=1)


def test_a_requeued_job_continues_by_itself(jobs, expected, cluster):
    job = jobs.started()
    with cluster.held(job):
        cluster.ask("scontrol", "requeue", job)
    jobs.finished(job)
    assert cluster.job(job)["Restarts"] == "1"
    assert INTERRUPTION in cluster.output(job)  # the output of both starts is kept
    assert jobs.files() == expected["run"]
    jobs.require_nothing_left()
    record("Slurm job requeued", tried=1, survived=1)


def test_workers_are_jobs_that_come_and_go(source, expected, cluster, prefect_server, tmp_path):
    subprocess.run([ROOT / "deploy" / "certificates.sh", tmp_path / "tls"], check=True)
    options = {"cores": 1, "memory": "2GiB", "scheduler_options": {"dashboard_address": "127.0.0.1:8787"}}
    words = ["--cluster", "dask_jobqueue.SLURMCluster", "--tls", "tls", "--workers", "2"]
    words += ["--cluster-options", json.dumps(options), "--workspace", "workspace", "--run-id", "run"]
    environment = os.environ | cluster.environment | PATHS | {"PREFECT_API_URL": prefect_server}
    run = subprocess.Popen(
        [EIGENWAVE, "run", source, *words, *WORDS],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with run:
        while not list(tmp_path.rglob("parts/*")):
            assert run.poll() is None, run.communicate()
            time.sleep(0.05)
        workers = cluster.ask("squeue", "--noheader", "--format=%i", "--states=RUNNING").split()
        cluster.ask("scancel", workers[0])
        errors = run.communicate()[1]
    assert run.returncode == 0, errors
    assert files(open_run(tmp_path / "workspace" / "runs" / "run")) == expected["run"]
    while cluster.queued():  # the run ends its jobs
        time.sleep(0.2)
    record("Slurm job of a worker cancelled", tried=1, survived=1)
