"""Runs of the stages in this process, without Prefect, and what is compared of them."""

import dataclasses
import hashlib
import json
from pathlib import Path

from blake3 import blake3

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.manifest import write_manifest
from storage.runs.run import open_run
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.stores.files import write_file
from storage.stores.open import open_path
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


def replica(run, run_id, created, **layout):
    """A finished run with the numbers of another, sealed at another time; gives its paths.

    It has the files that the history and retention of a workspace read, and no arrays.
    """
    paths = RunPaths(open_path(str(run.paths.folder).rpartition("/")[0]) / run_id)
    changed = dataclasses.replace(run.manifest.layout, **layout)
    sealed = run.manifest.model_copy(
        update={"run_id": run_id, "created": created, "source": changed.source, "layout": changed}
    )
    write_file(paths.settings, run.paths.settings.read_bytes())
    write_file(paths.plan, changed.encoded())
    for path in run.paths.tables.files():
        write_file(paths.tables / path.name, path.read_bytes())
    write_manifest(paths.manifest_copy, sealed)
    write_manifest(paths.manifest, sealed)
    return paths
