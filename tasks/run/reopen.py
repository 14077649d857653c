"""Reopen a finished run, to compute its damaged files again."""

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress

from storage.arrays.zarr import chunk_path
from storage.errors import EigenwaveError
from storage.formats.open import list_source
from storage.runs.manifest import Manifest
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.stores.files import digest_of, remove_folder
from storage.stores.open import open_path
from storage.stores.store import StorePath
from storage.tables.parquet import schema_version
from storage.tables.schemas import SCHEMA_VERSION
from tasks.planning.groups import Groups
from tasks.planning.plan import Plan
from tasks.run.begin import bring_columns, lay_out
from tasks.run.job import Job
from tasks.run.rows import ordered_as

FOLDER = "repair"


def reopen_run(workspace: Workspace, manifest: Manifest) -> Job:
    """Return a job that repeats the run's computation in a folder of its own.

    Raises
    ------
    InputError
        If the dataset cannot be read.
    """
    # Read every image again, since stored stamps and digests may be damaged.
    settings, layout = Settings.recorded(manifest.settings).but(rehash=True), manifest.layout
    found, listing = list_source(manifest.source, settings)
    job = Job(
        source=manifest.source,
        folder=str(workspace.folder),
        run_id=manifest.run_id,
        settings=settings,
        plan=Plan(**vars(layout.plan)),
        fitted_split=manifest.fitted_split,
        format=found.format,
        warm_start=layout.warm_start,
        rows_of=layout.rows_of,
        compared_with=None,
        attempt=secrets.token_hex(4),
        runs=FOLDER,
        format_version=manifest.format_version,
    )
    remove_folder(job.paths.folder)
    samples = listing.samples
    if job.rows_of:
        samples = ordered_as(samples, RunPaths(open_path(job.rows_of)))
    groups = Groups(job.source, listing.columns, settings.reading.group)
    lay_out(job, samples, groups, (settings.result_part().encode(), layout.encoded()))
    bring_columns(job, samples, listing.columns, lambda _: None)
    return job


def damaged_shards(
    workspace: Workspace, paths: RunPaths, manifest: Manifest, damaged: Collection[StorePath]
) -> list[int]:
    """List the shards with a damaged file."""
    files = [{chunk_path(paths.coefficients, shard)} for shard in range(len(manifest.shards))]
    for keys in (manifest.shards, manifest.judging_shards, manifest.property_shards):
        for shard, key in enumerate(keys):
            files[shard] |= {workspace.chunk(key), workspace.marker(key)}
    return [shard for shard, own in enumerate(files) if own & set(damaged)]


def computed(job: Job, names: Sequence[str]) -> bool:
    """Whether the job has computed all these files of a run."""
    return all((job.paths.folder / name).exists() for name in names)


def keep_patterns(job: Job, manifest: Manifest, paths: RunPaths, damaged: Collection[StorePath]) -> None:
    """Copy the run's patterns to the job if they are intact and their residuals do not depend on several passes.

    An earlier version computed other patterns, and then they are copied in any case.
    """
    alone = manifest.passes == 1 or manifest.solver != "krylov" or _written_earlier(paths)
    if alone and not any(path.is_below(paths.patterns) for path in damaged):
        for path in paths.patterns.files():
            path.store.copy(path.key, (job.paths.folder / path.relative_to(paths.folder)).key)


def put_back(again: RunPaths, paths: RunPaths, manifest: Manifest, names: Sequence[str]) -> None:
    """Replace files of a run by those computed again, if they have the bytes that the run had.

    Raises
    ------
    EigenwaveError
        If some files have other bytes. The others are replaced.
    """
    others = []
    for name in names:
        path = again.folder / name
        if path.exists() and digest_of(path) == manifest.files[name]:
            path.store.copy(path.key, (paths.folder / name).key)
        else:
            others.append(name)
    tables = [name for name in others if (paths.folder / name).is_below(paths.tables)]
    if tables and len(tables) == len(others) and _written_earlier(paths):
        raise EigenwaveError(
            f"{', '.join(tables)} of {paths.folder} cannot be restored bit for bit: an earlier version of eigenwave "
            "wrote the tables of this run, with other columns. The rest of the run can still be read and reported, and "
            "a new run on the same dataset writes all tables."
        )
    if others:
        versions = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
        raise EigenwaveError(
            f"{', '.join(others)} of {paths.folder} cannot be restored: the files computed now differ from those of "
            f"the run. Its dataset, the kind of processor, or the versions ({versions}) have changed; start a new run."
        )


def _written_earlier(paths: RunPaths) -> bool:
    """Whether a table of the run that is not damaged has the schema of an earlier version."""
    for path in paths.tables.files():
        with suppress(EigenwaveError):
            return schema_version(path) < SCHEMA_VERSION
    return False
