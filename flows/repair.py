"""Restore damaged files of a finished run bit for bit, with no more computation than they need."""

from collections.abc import Collection

from flows import stages
from flows.workers.fanout import Fanout
from storage.runs.manifest import Manifest, write_manifest
from storage.runs.run import Run
from storage.runs.verify import Fault, newest_sealed, sound_manifest, verify
from storage.runs.workspace import RunPaths, Workspace
from storage.stores.files import remove_folder, write_file
from storage.stores.store import StorePath
from tasks.compare.audit import record_drift
from tasks.report.page import rewrite_report
from tasks.run.reopen import FOLDER, computed, damaged_shards, keep_patterns, put_back, reopen_run
from tasks.transform.shard import bring_shard


def repair(workspace: Workspace, paths: RunPaths, fanout: Fanout) -> list[Fault]:
    """Restore every damaged file of a run, and return the faults that were found.

    For a damaged chunk of coefficients, its shard is transformed again. For damaged scores, tables or patterns, all
    stages are repeated. Files are computed in another folder, and replace damaged ones only if they have the digests in
    the run's manifest. Tables of drift are computed from the two runs, and the report from the run and its answers.

    Parameters
    ----------
    workspace
        Workspace of the run; it must be locked.
    paths
        Paths of the run.
    fanout
        Workers that compute.

    Raises
    ------
    InputError
        If neither the manifest nor its copy can be read.
    EigenwaveError
        If the files computed now differ from those of the run.
    """
    manifest, faults = sound_manifest(paths), list(verify(workspace, paths))
    paths = RunPaths(paths.folder, manifest.format_version)
    damaged = {fault.path for fault in faults}
    manifests = {paths.manifest_copy, paths.manifest}
    for path in damaged & manifests:
        write_manifest(path, manifest)
    reported = {path for path in damaged if paths.of_report(path)}
    drifted = {path for path in damaged if paths.of_drift(path)}
    damaged -= reported | drifted | manifests | {workspace.latest}
    if damaged:
        job = reopen_run(workspace, manifest)
        for shard in damaged_shards(workspace, paths, manifest, damaged):
            bring_shard(job, shard)
        lost = sorted(path.relative_to(paths.folder) for path in damaged if path.is_below(paths.folder))
        if not computed(job, lost):
            keep_patterns(job, manifest, paths, damaged)
            stages.compute(job, fanout)
        put_back(job.paths, paths, manifest, lost)
        remove_folder(job.paths.folder)
    if drifted:
        _bring_drift_back(workspace, paths, manifest, drifted, fanout)
    if reported:
        rewrite_report(workspace, paths)
    if not workspace.latest_exists:
        write_file(workspace.latest, newest_sealed(workspace).encode())
    return faults


def _bring_drift_back(
    workspace: Workspace, paths: RunPaths, manifest: Manifest, drifted: Collection[StorePath], fanout: Fanout
) -> None:
    again = workspace.run(paths.run_id, FOLDER)
    record_drift(workspace, Run(paths, manifest), again.tables, stages.over_runs(fanout))
    put_back(again, paths, manifest, [path.relative_to(paths.folder) for path in drifted])
    remove_folder(again.folder)
