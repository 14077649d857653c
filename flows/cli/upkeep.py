"""Commands that look after a workspace: verify, repair, gc and compare."""

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from flows.cli.answer import Answer
from flows.cli.terminal import display, say
from storage.datasets.findings import counted
from storage.errors import EigenwaveError, InputError
from storage.runs.workspace import DEFAULT_WORKSPACE, RunPaths, Workspace
from tasks.dtypes import MIB

Folder = Annotated[
    str,
    Parameter(
        help="Keep runs and shards in this folder or at this URL (s3://, gs://, az://).", env_var="EIGENWAVE_WORKSPACE"
    ),
]
GateFlags = Annotated[
    tuple[str, ...],
    Parameter(
        help="Fail if, for example, learnability_drop>0.01, leaked_fraction>0.01, duplicate_fraction>0.1, conflicts>0, "
        "suspect_fraction>0.02 or new_issues>0; any column of the table compared_runs can be limited."
    ),
]
DecisionsFile = Annotated[
    str | None,
    Parameter(help="Read and write decisions about issues here; by default decisions.jsonl in the workspace."),
]


def verify(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> Answer:
    """Verify that every file of a run is intact, and list those that are not.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from flows.documents.upkeep import Fault, Verified  # noqa: PLC0415 - each command imports what it needs
    from storage.runs.verify import sound_manifest  # noqa: PLC0415
    from storage.runs.verify import verify as find_faults  # noqa: PLC0415

    space, paths = _located(workspace, run)
    faults = list(find_faults(space, paths))
    try:
        files = len(sound_manifest(paths).files)
    except InputError:
        files = None  # the manifest is among the faults

    def text() -> None:
        for fault in faults:
            say(f"{fault.problem}  {fault.path}")
        if not faults:
            say(f"All {files:,} files of run {paths.run_id} are intact.")

    found = [Fault(path=str(fault.path), problem=fault.problem) for fault in faults]
    failure = EigenwaveError(
        f"{counted(len(faults), 'file')} of run {paths.run_id} {'is' if len(faults) == 1 else 'are'} damaged or "
        f"missing; eigenwave repair {run} restores those that can be restored."
    )
    return Answer(lambda: Verified(run_id=paths.run_id, files=files, faults=found), text, failure if faults else None)


def repair(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> Answer:
    """Restore damaged files of a run bit for bit, computing only what they need.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from flows.documents.upkeep import Fault, Repaired  # noqa: PLC0415
    from flows.repair import repair as restore  # noqa: PLC0415
    from flows.workers.fanout import InlineFanout  # noqa: PLC0415

    space, paths = _located(workspace, run)
    with space.lock():
        restored = restore(space, paths, InlineFanout())

    def text() -> None:
        for fault in restored:
            say(f"was {fault.problem}  {fault.path}")
        say(f"Run {paths.run_id} is intact: {counted(len(restored), 'file')} restored.")

    found = [Fault(path=str(fault.path), problem=fault.problem) for fault in restored]
    return Answer(lambda: Repaired(run_id=paths.run_id, restored=found), text)


def gc(
    *,
    workspace: Folder = DEFAULT_WORKSPACE,
    grace: Annotated[float, Parameter(help="Keep files that are younger than this many hours.")] = 24.0,
    dry_run: Annotated[bool, Parameter(help="List the files to remove, but remove nothing.")] = False,
) -> Answer:
    """Remove files that no run needs: shards that no run names, and leftovers of killed runs."""
    from flows.documents.upkeep import Collected, Unneeded  # noqa: PLC0415
    from storage.runs.garbage import collect, garbage  # noqa: PLC0415
    from storage.runs.removal import finish_removals  # noqa: PLC0415

    space = Workspace(workspace)
    with space.lock() as lease:
        begun = space.removals() if dry_run else finish_removals(space)
        entries = garbage(space, timedelta(hours=grace))
        if not dry_run:
            lease.require()  # if another process took the lock over meanwhile, the list may be out of date
            collect(space, entries)

    def text() -> None:
        for run_id in begun:
            say(f"The removal of run {run_id}, which was interrupted, {'would be' if dry_run else 'is'} finished.")
        for entry in entries:
            say(entry.key)
        done = "would be removed" if dry_run else "removed"
        say(f"{counted(len(entries), 'file')}, {sum(entry.size for entry in entries) / MIB:,.1f} MiB, {done}.")

    files = [Unneeded(key=entry.key, bytes=entry.size) for entry in entries]
    return Answer(lambda: Collected(removed=not dry_run, runs=begun, files=files), text)


def compare(
    first: str,
    second: str,
    /,
    *,
    fail_if: GateFlags = (),
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Report how a dataset drifted between two runs; a gate sets the exit status.

    Parameters
    ----------
    first, second
        The runs: their ids, their paths, or latest.
    """
    from flows.cli.summary import comparison_summary  # noqa: PLC0415
    from flows.documents.runs import Change, Compared  # noqa: PLC0415
    from flows.stages import over_runs  # noqa: PLC0415
    from flows.workers.fanout import InlineFanout  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.compare.gates import Gate, gate_failure  # noqa: PLC0415
    from tasks.compare.runs import compare_runs, write_comparison  # noqa: PLC0415

    gates = [Gate.parse(gate) for gate in fail_if]
    space = Workspace(workspace)
    before, after = (Run(space.find(name)) for name in (first, second))
    comparison = compare_runs(before, after, over_runs(InlineFanout()))
    ids = before.manifest.run_id, after.manifest.run_id
    folder = space.comparison(*ids)
    write_comparison(folder, comparison, dict(zip(("first", "second"), ids, strict=True)))
    failure = gate_failure(gates, comparison.summary, *ids)
    return Answer(
        lambda: Compared(change=Change.of(ids, comparison, folder, gates)),
        lambda: display(comparison_summary(*ids, comparison, folder)),
        EigenwaveError(failure) if failure else None,
    )


def _located(workspace: str, run: str) -> tuple[Workspace, RunPaths]:
    space = Workspace(workspace).home(run)
    return space, space.run(space.find(run).run_id)
