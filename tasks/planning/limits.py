"""Refuse a run, before it computes, for too many bad images or too little disk space."""

from collections import Counter
from collections.abc import Iterable

from storage.errors import EigenwaveError, InputError
from storage.runs.manifest import read_manifest
from storage.runs.shards import find_shard
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from tasks.dtypes import MIB
from tasks.planning.outlay import disk_bytes
from tasks.planning.plan import Plan

NAMED = 3  # images named in a message


def allowed(settings: Settings, images: int) -> int:
    """Return the largest number of images that may be bad."""
    return int(settings.dataset.max_bad_fraction * images)


def require_few(bad: Iterable[tuple[str, str, str]], images: int, settings: Settings) -> int:
    """Count bad images, passed by key, reason and detail.

    Raises
    ------
    EigenwaveError
        If there are more than the settings allow. The message counts them by reason and names some.
    """
    reasons: Counter[str] = Counter()
    named: list[str] = []
    for key, reason, detail in bad:
        reasons[reason] += 1
        if len(named) < NAMED:
            named.append(f"{key}: {detail}")
    count = reasons.total()
    if count > allowed(settings, images):
        counted = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        raise EigenwaveError(
            f"{count} of {images} images cannot be used ({counted}; {'; '.join(named)}); repair or remove them, "
            f"or raise --max-bad-fraction above {settings.dataset.max_bad_fraction}."
        )
    return count


def require_room(workspace: Workspace, run: RunPaths, earlier: RunPaths | None, plan: Plan, permutations: int) -> None:
    """Refuse a run that may need more than the free bytes of the disk. Object stores have no limit.

    Parameters
    ----------
    workspace, run
        Workspace and folder of the run. Bytes that an interrupted run wrote there are not needed again.
    earlier
        Run whose rows this run keeps, or None. Most or all of its shards are used again.
    plan, permutations
        Plan of the run, and number of label shuffles.

    Raises
    ------
    InputError
        If the disk has too little space. The message has both numbers.
    """
    store = workspace.folder.store
    free = store.free()
    if free is None:
        return
    needed = sum(disk_bytes(plan, permutations).values()) - sum(entry.size for entry in store.files(run.folder.key))
    if earlier is not None:
        manifest = read_manifest(earlier.manifest)
        found = (find_shard(workspace, key) for key in manifest.all_shards)
        needed -= sum(marker.bytes for marker in found if marker)
    if needed > free:
        raise InputError(
            f"The run may take {needed / MIB:,.0f} MiB more in the workspace {workspace.folder}, where "
            f"{free / MIB:,.0f} MiB are free: free some space (eigenwave gc removes files that no run needs), or "
            "choose another --workspace."
        )
