"""Find and remove files of a workspace that no run needs."""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from storage.errors import EigenwaveError, InputError
from storage.runs.shards import shard_keys
from storage.runs.verify import sound_manifest
from storage.runs.workspace import RunPaths, Workspace
from storage.stores.files import remove_folder, write_file
from storage.stores.store import Entry
from storage.tables.batches import read_batch

PROBES = ".probe"  # folder of files that tell the time
SHARD = re.compile(r"shards/[^/]+/([^/.]+)(\.json)?")


def garbage(workspace: Workspace, grace: timedelta) -> list[Entry]:
    """List the files that no run needs.

    These are partial files of killed writers, shards that no run names, intermediate state of finished runs, and what
    the workspace keeps about runs that are gone.

    Parameters
    ----------
    workspace
        The workspace. No run may write to it meanwhile.
    grace
        Age below which a file is kept, by the store's own clock.

    Raises
    ------
    InputError
        If a manifest cannot be read, since the shards of its run are then unknown.
    """
    store = workspace.folder.store
    named = {key for paths in workspace.runs() for key in _shards(paths)}
    found = [*store.partials(""), *_leftovers(workspace)]
    for entry in store.files("shards"):
        shard = SHARD.fullmatch(entry.key)
        if shard is None or shard[1] not in named:
            found.append(entry)
    youngest = _now(workspace) - grace
    return [entry for entry in found if entry.modified <= youngest]


def collect(workspace: Workspace, entries: list[Entry]) -> None:
    """Remove files that `garbage` found. A shard's marker goes before its chunk, so that no half shard looks whole."""
    for entry in sorted(entries, key=lambda entry: not entry.key.endswith(".json")):
        workspace.folder.store.delete(entry.key)


def _shards(paths: RunPaths) -> Iterator[str]:
    if paths.manifest.exists() or paths.manifest_copy.exists():
        try:
            manifest = sound_manifest(paths)
        except InputError as error:
            raise InputError(f"{error} Until then the shards that runs need are unknown.") from None
        yield from manifest.all_shards
        return
    for path in paths.work.parts.files():
        try:
            yield from shard_keys(read_batch(path)).values()
        except EigenwaveError as error:
            raise InputError(
                f"{error} Continue the run {paths.run_id}, or remove {paths.folder}: until then the shards that runs "
                "need are unknown."
            ) from None


def _leftovers(workspace: Workspace) -> Iterator[Entry]:
    store = workspace.folder.store
    for folder in ("repair", PROBES):
        yield from store.files(folder)
    there = workspace.runs()
    for path in (workspace.seen, workspace.audit, workspace.tags):
        known = {path(paths.run_id).key for paths in there}
        folder = path("").key.rpartition("/")[0]
        yield from (entry for entry in store.files(folder) if entry.key not in known)
    for paths in there:
        if paths.manifest.exists():
            yield from store.files(paths.work.folder.key)
    gone = set(store.folders(workspace.associations.key)) - {paths.run_id for paths in there}
    for run_id in sorted(gone):
        yield from store.files((workspace.associations / run_id).key)


def _now(workspace: Workspace) -> datetime:
    """Return the time by the clock that dates files, which may differ from this machine's."""
    probe = workspace.folder / PROBES / secrets.token_hex(8)
    write_file(probe / "now")
    try:
        return next(probe.store.files(probe.key)).modified
    finally:
        remove_folder(probe)
