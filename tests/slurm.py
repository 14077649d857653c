"""A Slurm cluster of one node on the loopback interface, with daemons, ports, folders and a key of its own."""

import os
import platform
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress

import psutil
import pytest

from flows.workers.local_cluster import free_port

DAEMONS = "munged", "slurmctld", "slurmd"
CONFIGURATION = """\
ClusterName=eigenwave
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A requeued job starts again when credentials of its first start have expired.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=3600
NodeName={node} NodeAddr=127.0.0.1 CPUs=2 RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """The commands of a cluster whose daemons run.

    Parameters
    ----------
    folder
        With the configuration. Jobs write their output there.
    """

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def ask(self, *words, **environment):
        """The output of a command of Slurm."""
        variables = os.environ | self.environment | environment
        return subprocess.run(words, env=variables, capture_output=True, text=True, check=True).stdout

    def submit(self, *words, **environment):
        """Submit a job; gives its number."""
        output = f"--output={self.folder}/%j.out"
        return self.ask("sbatch", "--parsable", output, *words, **environment).strip()

    def output(self, job):
        """The output of a job so far."""
        path = self.folder / f"{job}.out"
        return path.read_text() if path.exists() else ""

    def job(self, job):
        """What Slurm knows of a job, such as its JobState."""
        words = self.ask("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def ended(self, job):
        """Wait for the end of a job; gives its state."""
        while job in self.queued():
            time.sleep(0.2)
        return self.job(job)["JobState"]

    def queued(self):
        """The jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def end(self):
        """End all jobs."""
        for job in self.queued():
            self.ask("scancel", job)
        while self.queued():
            time.sleep(0.2)

    def workers(self, job):
        """The processes that srun started for a job."""
        lines = [line.split() for line in self.ask("scontrol", "listpids", job).splitlines()]
        return [int(words[0]) for words in lines if words[2] == "0" and int(words[0]) > 0]

    @contextmanager
    def held(self, job):
        """For the time of the block the workers of a job do nothing, so that it cannot end before the block."""
        stopped = self.workers(job)
        for number in stopped:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in stopped:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)


@contextmanager
def slurm(folder):
    """Run the daemons for the duration of the block; gives the cluster."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"Slurm is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge")
    node = platform.node().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    text = CONFIGURATION.format(
        node=node,
        controller=free_port(0),
        daemon=free_port(0),
        user=pwd.getpwuid(os.getuid()).pw_name,
        folder=folder,
        memory=psutil.virtual_memory().total * 9 // 10 // 2**20,
    )
    (folder / "slurm.conf").write_text(text)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    names = {"socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munge.seed", "log-file": "munged.log"}
    words = [f"--{name}={folder / file}" for name, file in names.items()]
    commands = [["munged", "--foreground", "--force", f"--key-file={key}", *words]]
    commands += [[name, "-D", "-f", folder / "slurm.conf"] for name in ("slurmctld", "slurmd")]
    cluster, running = Slurm(folder), []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("wb") as log:
                program = [shutil.which(command[0], path=path), *command[1:]]
                running.append(subprocess.Popen(program, stdout=log, stderr=log, cwd=folder))
            if command[0] == "munged":
                wait_until((folder / "munge.socket").exists, running, folder)
        wait_until(lambda: _is_idle(cluster), running, folder)
        yield cluster
        cluster.end()  # jobs do not end with the daemons
    finally:
        for process in reversed(running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def wait_until(is_there, running, folder):
    """Wait until something is there, as long as all daemons are alive."""
    while not is_there():
        for process in running:
            assert process.poll() is None, {path.name: path.read_text() for path in folder.glob("*.out")}
        time.sleep(0.1)


def _is_idle(cluster):
    with suppress(subprocess.CalledProcessError):
        return cluster.ask("sinfo", "--noheader", "--format=%T").strip() == "idle"
    return False
