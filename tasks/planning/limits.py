"""What a run is refused for before it computes: too many bad images, or too little room on the disk."""

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
    """The most images that may be bad."""
    return int(settings.dataset.max_bad_fraction * images)


def require_few(bad: Iterable[tuple[str, str, str]], images: int, settings: Settings) -> int:
    """Count bad images, given by key, reason and detail.

    Raises
    ------
    EigenwaveError
        If they are more than the settings allow; the sentence counts them by reason and names some.
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
            f"{count} of {images} images cannot be used ({counted}; {'; '.join(named)}); mend or remove them, "
            f"or raise --max-bad-fraction above {settings.dataset.max_bad_fraction}."
        )
    return count


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
