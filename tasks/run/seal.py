"""Finish a run by writing its manifest and the pointer to the newest run."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc

from storage.arrays.zarr import chunk_path
from storage.errors import EigenwaveError
from storage.runs.layout import read_layout
from storage.runs.manifest import Manifest, library_versions, write_manifest
from storage.runs.shards import KINDS, Marker, find_shard, shard_keys
from storage.runs.workspace import RunPaths
from storage.stores.files import digest_of, remove_folder, remove_partials, write_file
from storage.stores.open import open_path
from storage.tables.batches import metadata_of, read_batch, write_batches
from storage.tables.parquet import read_table
from storage.tables.schemas import SEEN
from tasks.run.job import Job
from tasks.run.state import passes_done, read_totals


def seal_run(job: Job, seconds: Mapping[str, float]) -> Manifest:
    """Write the manifest, which finishes the run, and remove the intermediate state.

    Before the manifest is written, `latest` already names this run and, after it, the previous latest run. Readers use
    the first that is finished, so `latest` is right even if the process is killed.

    Parameters
    ----------
    job
        The run.
    seconds
        Wall time of each stage.

    Raises
    ------
    EigenwaveError
        If a shard is missing.
    """
    remove_partials(job.paths.folder)  # left by killed workers, whose work others did again
    found = [_markers(job, shard) for shard in range(job.plan.shards)]
    sealed = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **{kind: tuple(own[kind].key for own in found if kind in own) for kind in KINDS},
        "files": _digests(job, [own["shards"] for own in found]),
        "seconds": dict(seconds),
    }
    manifest, latest = describe_run(job).model_copy(update=sealed), job.workspace.latest
    _remember_files(job)
    write_file(latest, f"{job.run_id}\n{job.workspace.latest_id() or ''}".encode())
    write_manifest(job.paths.manifest_copy, manifest)
    write_manifest(job.paths.manifest, manifest)
    write_file(latest, job.run_id.encode())
    remove_folder(job.paths.work.folder)
    return manifest


def _remember_files(job: Job) -> None:
    """Write the stamps of the dataset's files when they were read, so that the next run need not read them."""

    def columns(shard: int) -> dict[str, Any]:
        part = read_batch(job.paths.work.part(shard))
        return {name: part[name] for name in SEEN.names}

    metadata = {"code": metadata_of(read_batch(job.paths.work.part(0)), "code")}
    write_batches(job.workspace.seen(job.run_id), SEEN, job.plan.shards, columns, metadata)


def describe_run(job: Job) -> Manifest:
    """Return the run's manifest without its time of creation, its shards, file digests and stage times."""
    paths = job.paths
    totals = read_totals(job)
    layout = read_layout(paths)
    patterns = read_table(paths.table("patterns"), ["residual", "cumulative_energy"])
    return Manifest(
        format_version=job.format_version,
        run_id=job.run_id,
        source=job.source,
        source_format=job.format,
        created="",
        dataset_digest=totals.dataset_digest,
        settings=json.loads(paths.settings.read_bytes()),
        plan={name: value for name, value in vars(layout.plan).items() if name != "solver"},
        layout=layout,
        fitted_split=job.fitted_split,
        classes=layout.classes,
        learnability=read_table(paths.table("learnability")).drop_columns("run_id").to_pylist()[0],
        residual_max=pc.max(patterns["residual"]).as_py(),
        energy=patterns["cumulative_energy"][-1].as_py(),
        rejected=totals.rejected,
        repeated=totals.repeated,
        conflicting=totals.conflicting,
        solver=job.plan.solver,
        passes=passes_done(job),
        warm_start=job.warm_start and RunPaths(open_path(job.warm_start)).run_id,
        shards=(),
        files={},
        seconds={},
        versions=library_versions(),
    )


def _markers(job: Job, shard: int) -> dict[str, Marker]:
    """Markers of a shard by its kind: of its coefficients, and of further kinds that the run has."""
    keys = shard_keys(read_batch(job.paths.work.part(shard)))
    found = {kind: find_shard(job.workspace, key) for kind, key in keys.items()}
    markers = {kind: marker for kind, marker in found.items() if marker}
    if len(markers) < len(keys) or not chunk_path(job.paths.coefficients, shard).exists():
        raise EigenwaveError(f"Shard {shard} of run {job.run_id} is missing in the workspace; run again.")
    return markers


def _digests(job: Job, markers: list[Marker]) -> dict[str, str]:
    """Digest every file of the run; the digests of the coefficients' chunks come from the markers."""
    paths = job.paths
    known = {chunk_path(paths.coefficients, shard): marker.blake3 for shard, marker in enumerate(markers)}
    passing = (f"{paths.work.folder}/", str(paths.manifest), str(paths.manifest_copy))
    files = [path for path in paths.folder.files() if not str(path).startswith(passing)]
    strays = [path for path in files if str(path).startswith(f"{paths.coefficients}/c/") and path not in known]
    if strays:
        raise EigenwaveError(f"{strays[0]} does not belong to run {job.run_id}; remove it and run again.")
    return {path.relative_to(paths.folder): known.get(path) or digest_of(path) for path in files}
