"""Analyse a dataset in this process, which kills itself at a given write: before or after the file takes its place."""

import os
import signal
import sys
from contextlib import contextmanager

from flows import stages
from flows.fanout import InlineFanout
from storage.settings import Settings
from storage.store_local import LocalStore
from storage.workspace import Workspace
from tasks.begin_run import begin_run

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**14, "permutations": 2, "passes": 3, "tolerance": 0.5}


def analyse(source, address):
    workspace = Workspace(address)
    workspace.prepare()
    with workspace.lock() as lease:
        job = begin_run(str(source), Settings(**SETTINGS), workspace, "run")
        stages.compute(job, InlineFanout())
        lease.require()
        stages.seal_run(job, {})


def kill_at(number, when):
    """Make the process kill itself at its so-many-th write, and tell which file it was."""
    original, writes = LocalStore.replacing, iter(range(1, 1 << 30))

    @contextmanager
    def counted(self, key):
        mine = next(writes) == number
        if mine:
            os.write(1, f"{key}\n".encode())
        with original(self, key) as partial:
            yield partial
            if mine and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)

    LocalStore.replacing = counted


if __name__ == "__main__":
    kill_at(int(sys.argv[3]), sys.argv[4])
    analyse(sys.argv[1], sys.argv[2])
