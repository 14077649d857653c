"""Analyse a dataset in this process, which is ended at a given change to the disk: just before, or just after it."""

import json
import os
import signal
import sys
from contextlib import contextmanager

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.local import LocalStore
from tasks.run.begin import begin_run

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**14, "permutations": 2, "passes": 3, "tolerance": 0.5}


class Ended(BaseException):
    """What a process is ended by in tests that need it afterwards; nothing in it catches this."""


def analyse(source, address, run_id="run", **settings):
    """A run without its report, which takes longer than all the rest; gives its paths. An id of None is left out."""
    workspace = Workspace(address)
    workspace.prepare()
    with workspace.lock() as lease:
        job = begin_run(str(source), Settings(**SETTINGS | settings), workspace, run_id)
        compute(job)
        lease.require()
        stages.seal_run(job, {})
    return job.paths


def compute(job, fanout=None):
    """All of a run but its report and its manifest."""
    stages.compute(job, fanout or InlineFanout())


def end(key):
    """End in earnest, telling the file."""
    os.write(1, f"{key}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def end_softly(_):
    """End the work in this process, but not the process."""
    raise Ended


@contextmanager
def changes(at):
    """For the time of the block call `at(number, when, key)` around the so-many-th file that is written or removed."""
    replacing, delete, numbers = LocalStore.replacing, LocalStore.delete, iter(range(1, 1 << 30))

    @contextmanager
    def counted(self, key):
        with replacing(self, key) as partial:
            yield partial
            number = next(numbers)
            at(number, "before", key)
        at(number, "after", key)

    def counted_delete(self, key):
        number = next(numbers)
        at(number, "before", key)
        delete(self, key)
        at(number, "after", key)

    def one_by_one(self, key):
        for entry in list(self.files(key)):
            self.delete(entry.key)
        delete_folder(self, key)

    delete_folder = LocalStore.delete_folder
    LocalStore.replacing, LocalStore.delete, LocalStore.delete_folder = counted, counted_delete, one_by_one
    try:
        yield
    finally:
        LocalStore.replacing, LocalStore.delete, LocalStore.delete_folder = replacing, delete, delete_folder


def ending(number, when, way):
    """An `at` for `changes` that ends the process in a way at one place."""

    def at(*place):
        if place[:2] == (number, when):
            way(place[2])

    return at


if __name__ == "__main__":
    data, folder, place, moment, name, chosen = sys.argv[1:]
    with changes(ending(int(place), moment, end)):
        analyse(data, folder, name or None, **json.loads(chosen))
