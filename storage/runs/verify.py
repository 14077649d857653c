"""Verify that every file of a finished run is intact."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from storage.arrays.zarr import chunk_path
from storage.errors import InputError
from storage.runs.manifest import Manifest, read_manifest
from storage.runs.shards import read_marker
from storage.runs.workspace import RunPaths, Workspace
from storage.stores.files import digest_of
from storage.stores.store import StorePath

MISSING, DAMAGED = "missing", "damaged"


@dataclass(frozen=True)
class Fault:
    """A file that is missing or damaged, and which of the two."""

    path: StorePath
    problem: str


def sound_manifest(paths: RunPaths) -> Manifest:
    """Read the manifest of a run, or its copy if the manifest is damaged or missing.

    Raises
    ------
    InputError
        If neither can be read.
    """
    try:
        return read_manifest(paths.manifest)
    except InputError:
        return read_manifest(paths.manifest_copy)


def newest_sealed(workspace: Workspace) -> str:
    """Return the id of the run sealed last, among those whose manifest can be read."""
    sealed = []
    for paths in filter(lambda paths: paths.finished, workspace.runs()):
        with suppress(InputError):
            sealed.append((sound_manifest(paths).created, paths.run_id))
    return max(sealed)[1]


def verify(workspace: Workspace, paths: RunPaths) -> Iterator[Fault]:
    """Read every file of a run, its shards and `latest`; yield those that are missing or damaged.

    Parameters
    ----------
    workspace
        The workspace that holds the run's shards.
    paths
        The run.

    Raises
    ------
    InputError
        If neither the manifest nor its copy can be read.
    """
    for path in (paths.manifest, paths.manifest_copy):
        try:
            read_manifest(path)
        except InputError:
            yield Fault(path, DAMAGED if path.exists() else MISSING)
    manifest = sound_manifest(paths)
    paths = RunPaths(paths.folder, manifest.format_version)
    yield from _files(paths, manifest)
    yield from _shards(workspace, paths, manifest)
    if not workspace.latest_exists:
        yield Fault(workspace.latest, DAMAGED if workspace.latest.exists() else MISSING)


def _files(paths: RunPaths, manifest: Manifest) -> Iterator[Fault]:
    for name, digest in manifest.files.items():
        path = paths.folder / name
        if name.startswith("/") or ".." in name.split("/"):
            yield Fault(paths.manifest, DAMAGED)  # it names a file outside the run's folder, which is not read
        elif not path.exists():
            yield Fault(path, MISSING)
        elif digest_of(path) != digest:
            yield Fault(path, DAMAGED)


def _shards(workspace: Workspace, paths: RunPaths, manifest: Manifest) -> Iterator[Fault]:
    for shard, key in enumerate(manifest.shards):
        chunk, marker = workspace.chunk(key), workspace.marker(key)
        digest = manifest.files[chunk_path(paths.coefficients, shard).relative_to(paths.folder)]
        if not chunk.exists():
            yield Fault(chunk, MISSING)
        elif digest_of(chunk) != digest:
            yield Fault(chunk, DAMAGED)
        if not marker.exists():
            yield Fault(marker, MISSING)
        elif read_marker(workspace, key) is None:
            yield Fault(marker, DAMAGED)
    for key in (*manifest.judging_shards, *manifest.property_shards):
        chunk, known = workspace.chunk(key), read_marker(workspace, key)
        if known is None:
            yield Fault(workspace.marker(key), DAMAGED if workspace.marker(key).exists() else MISSING)
        if not chunk.exists():
            yield Fault(chunk, MISSING)
        elif known and digest_of(chunk) != known.blake3:
            yield Fault(chunk, DAMAGED)
