"""Refuse a run that the disk of its workspace has no room for, before anything is computed."""

from storage.errors import InputError
from storage.manifest import read_manifest
from storage.shards import find_shard
from storage.workspace import RunPaths, Workspace
from tasks.footprint import disk_bytes
from tasks.memory import MIB
from tasks.plan import Plan


def require_room(workspace: Workspace, run: RunPaths, earlier: RunPaths | None, plan: Plan, permutations: int) -> None:
    """Refuse a run that may take more than the disk has left; object stores have no end, and are not asked.

    Parameters
    ----------
    workspace, run
        Where it will lie; what an interrupted run has there already is not needed again.
    earlier
        The run that its rows are from, if any: its shards are taken over, most of them or all.
    plan, permutations
        What it will do.

    Raises
    ------
    InputError
        Naming both numbers, and what can be done.
    """
    store = workspace.folder.store
    free = store.free()
    if free is None:
        return
    needed = sum(disk_bytes(plan, permutations).values()) - sum(entry.size for entry in store.files(run.folder.key))
    if earlier is not None:
        found = (find_shard(workspace, key) for key in read_manifest(earlier.manifest).shards)
        needed -= sum(marker.bytes for marker in found if marker)
    if needed > free:
        raise InputError(
            f"The run may take {needed / MIB:,.0f} MiB more in the workspace {workspace.folder}, where "
            f"{free / MIB:,.0f} MiB are free: make room (eigenwave gc removes what no run needs), or choose another "
            "--workspace."
        )
