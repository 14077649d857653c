"""What a workspace holds and nothing needs."""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from storage.errors import EigenwaveError, InputError
from storage.runs.verify import sound_manifest
from storage.runs.workspace import RunPaths, Workspace
from storage.stores.files import remove_folder, write_file
from storage.stores.store import Entry
from storage.tables.batches import metadata_of, read_batch

SHARD = re.compile(r"shards/[^/]+/([^/.]+)(\.json)?")


def garbage(workspace: Workspace, grace: timedelta) -> list[Entry]:
    """Files that no run needs: what killed writers left, shards that no run names, intermediate state of finished runs.

    Parameters
    ----------
    workspace
        The workspace; no run may be writing to it.
    grace
        Files younger than this are kept, by the clock of the store that dates them.

    Raises
    ------
    InputError
        If a manifest cannot be read: what its run needs is not known.
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
    """Remove what `garbage` found; markers before chunks, so that what is left of a shard is never taken for one."""
    for entry in sorted(entries, key=lambda entry: not entry.key.endswith(".json")):
        workspace.folder.store.delete(entry.key)


def _shards(paths: RunPaths) -> Iterator[str]:
    if paths.manifest.exists() or paths.manifest_copy.exists():
        try:
            yield from sound_manifest(paths).shards
        except InputError as error:
            raise InputError(f"{error} Until then it is not known which shards are needed.") from None
        return
    for path in paths.work.parts.files():
        try:
            yield metadata_of(read_batch(path), "shard_key")
        except EigenwaveError as error:
            raise InputError(
                f"{error} Continue the run {paths.run_id}, or remove {paths.folder}: until then it is not known which "
                "shards are needed."
            ) from None


def _leftovers(workspace: Workspace) -> Iterator[Entry]:
    store = workspace.folder.store
    yield from store.files("repair")
    seen = {workspace.seen(paths.run_id).key for paths in workspace.runs()}
    yield from (entry for entry in store.files("seen") if entry.key not in seen)
    for paths in workspace.runs():
        if paths.manifest.exists():
            yield from store.files(paths.work.folder.key)


def _now(workspace: Workspace) -> datetime:
    """The time by the clock that dates files, which need not be that of this machine."""
    probe = workspace.folder / f".probe-{secrets.token_hex(8)}"
    write_file(probe / "now")
    try:
        return next(probe.store.files(probe.key)).modified
    finally:
        remove_folder(probe)
