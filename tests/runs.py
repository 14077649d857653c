"""Runs of the stages in this process, without Prefect, and what is compared of them."""

import hashlib
import json
from pathlib import Path

from blake3 import blake3

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.compare.audit import audit_run, require_baseline
from tasks.run.begin import begin_run
from tasks.run.seal import seal_run

SMALL = {"rank": 4, "solver": "krylov", "shard_size": 2**15, "permutations": 3}
NIGHTLY = Settings(cluster="inline", rank=3, permutations=1, scales=False)


def local(path):
    """Where a file or folder of a local workspace lies."""
    return Path(str(path))


def analyse(source, folder, fanout=None, run_id=None, *, report=False, **settings):
    """A run, opened; see `finish` for its report."""
    workspace = Workspace(folder)
    workspace.prepare()
    job = begin_run(str(source), Settings(**settings), workspace, run_id)
    finish(job, fanout, report=report)
    return open_run(job.paths.folder)


def finish(job, fanout=None, *, report=False):
    """All stages of a run; without its report, which takes twice as long as the others, unless a test looks at it."""
    stages.compute(job, fanout or InlineFanout())
    if report:
        stages.report_run(job)
    return seal_run(job, {})


def night(source, folder, run_id, against="latest", **changed):
    """One nightly audit; gives what it found."""
    workspace, settings = Workspace(folder / "workspace"), NIGHTLY.but(**changed)
    workspace.prepare()
    require_baseline(workspace, against, settings)
    job = begin_run(str(source), settings, workspace, run_id)
    stages.compute(job, InlineFanout())
    stages.report_run(job)
    found = audit_run(job, against)
    seal_run(job, {})
    return found


def results(run):
    """The digest of every file of a run; of the manifest only what does not tell the time."""
    folder = local(run.paths.folder)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files["manifest.json"] == files.pop("manifest.copy.json")
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: blake3(content).hexdigest() for name, content in files.items()}
    return manifest["files"] | {name: manifest[name] for name in ("learnability", "shards", "dataset_digest", "plan")}


def contents(workspace):
    """The digest of every file of a workspace, by key."""
    return {path.key: hashlib.sha256(path.read()).hexdigest() for path in workspace.folder.files()}
