"""Analyse a dataset in a process, and kill the process just before or just after a given change to the disk."""

import hashlib
import json
import os
import signal
from contextlib import contextmanager
from datetime import timedelta

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.garbage import collect, garbage
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.local import LocalStore
from tasks.associate.coordinates import OF_COEFFICIENTS, OF_IMAGES, OF_PATTERNS
from tasks.run.begin import begin_run
from tests.forks import FORKS

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**14, "permutations": 2, "passes": 3, "tolerance": 0.5}


COORDINATES = (*OF_IMAGES, *OF_PATTERNS, *OF_COEFFICIENTS)
PHASES = ("layout", "transform", "pass", "scores", "tables", "seal", "tidy")


class Ended(BaseException):
    """What a process is ended by in tests that need it afterwards; nothing in it catches this."""


def phases_of(keys):
    """The phases of a run that change files, in order: what follows the last `latest` is tidied up."""
    sealed = len(keys) - keys[::-1].index("runs/latest")
    return ["tidy" if place >= sealed else phase_of(key) for place, key in enumerate(keys)]


def phase_of(key):
    """The phase of a run that writes a file."""
    if key.endswith("run.zarr/zarr.json") or any(f"run.zarr/{name}/" in key for name in COORDINATES):
        key = "/tables/"  # coordinates are written from tables
    if "manifest" in key or key.endswith(("latest", "samples.parquet", "rejects.parquet", "thumbnails.parquet")):
        return "seal"
    if key.startswith("shards/") or any(
        part in key for part in ("/parts/", "run.zarr/mean/", "totals", "transformed", "coefficients/c")
    ):
        return "transform"
    if any(part in key for part in ("product-", "block-", "patterns-", "scale", "energies")):
        return "pass"
    if any(part in key for part in ("scores/", "patterns/", "projection", "thresholds", "image", "loadings")):
        return "scores"
    if any(part in key for part in ("/tables/", "search", "neighbours", "copies", "summary", "judge", "verdicts")):
        return "tables"
    return "layout"


def analyse(source, address, run_id="run", fanout=None, **settings):
    """A run without its report, which takes longer than all the rest; gives its paths. An id of None is left out."""
    workspace = Workspace(address)
    workspace.prepare()
    with workspace.lock() as lease:
        job = begin_run(str(source), Settings(**SETTINGS | settings), workspace, run_id)
        compute(job, fanout)
        lease.require()
        stages.seal_run(job, {})
    return job.paths


def files_of_run(source, folder, fanout=None):
    """The digests of the files of a run in thirty shards."""
    paths = analyse(source, folder, fanout=fanout, shard_size=2**12)
    return open_run(paths.folder).manifest.files


def compute(job, fanout=None):
    """All of a run but its report and its manifest."""
    stages.compute(job, fanout or InlineFanout())


def killed(source, address, place, moment, *, run_id="run", **settings):
    """A run in a process that gets SIGKILL at a change; gives the exit code, and the file if it came so far."""
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(
        target=_run_and_die, args=(there, str(source), str(address), place, moment, run_id, settings)
    )
    process.start()
    there.close()
    process.join()
    try:
        return process.exitcode, here.recv() if here.poll() else None
    except EOFError:
        return process.exitcode, None
    finally:
        here.close()
        process.close()


def _run_and_die(there, source, address, place, moment, run_id, settings):
    def end(key):
        there.send(key)
        os.kill(os.getpid(), signal.SIGKILL)

    with changes(ending(place, moment, end)):
        analyse(source, address, run_id, **settings)


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


def contents(folder):
    """Digests of a run's files and shards; of the manifest what does not tell the time, and nothing of the source's."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(files["runs/run/manifest.json"])
    dated = ("runs/run/manifest.json", "runs/run/manifest.copy.json", "lock", "seen/run.batches")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in dated}
    return digests | {name: manifest[name] for name in ("files", "shards", "learnability", "dataset_digest")}


def swept(folder):
    """Contents, when what killed writers left beside shards is removed."""
    workspace = Workspace(folder)
    collect(workspace, garbage(workspace, timedelta(0)))
    return contents(folder)
