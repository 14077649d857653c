"""Commands that look after a workspace: verify, repair, gc and compare."""

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from flows.cli.terminal import display, say
from storage.errors import EigenwaveError
from storage.runs.workspace import DEFAULT_WORKSPACE, RunPaths, Workspace
from tasks.dtypes import MIB

Folder = Annotated[
    str, Parameter(help="Folder or URL (s3://, gs://, az://) for runs and shards.", env_var="EIGENWAVE_WORKSPACE")
]
GateFlags = Annotated[
    tuple[str, ...],
    Parameter(
        help="Fail if, for example, learnability_drop>0.01, leaked_fraction>0.01, duplicate_fraction>0.1, conflicts>0, "
        "suspect_fraction>0.02 or new_issues>0; any column of the table compared_runs can be limited."
    ),
]
DecisionsFile = Annotated[
    str | None, Parameter(help="File of decisions about issues; by default decisions.jsonl in the workspace.")
]


def verify(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> None:
    """Verify that every file of a run is intact, and list those that are not.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    """
    from storage.runs.verify import sound_manifest  # noqa: PLC0415 - each command imports what it needs
    from storage.runs.verify import verify as find_faults  # noqa: PLC0415

    space, paths = _located(workspace, run)
    faults = list(find_faults(space, paths))
    for fault in faults:
        say(f"{fault.problem}  {fault.path}")
    if faults:
        raise EigenwaveError(
            f"{len(faults)} files of run {paths.run_id} are damaged or missing; "
            f"eigenwave repair {run} restores those that can be restored."
        )
    say(f"All {len(sound_manifest(paths).files):,} files of run {paths.run_id} are intact.")


def repair(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> None:
    """Restore damaged files of a run bit for bit, computing only what they need.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    """
    from flows.repair import repair as restore  # noqa: PLC0415
    from flows.workers.fanout import InlineFanout  # noqa: PLC0415

    space, paths = _located(workspace, run)
    with space.lock():
        restored = restore(space, paths, InlineFanout())
    for fault in restored:
        say(f"was {fault.problem}  {fault.path}")
    say(f"Run {paths.run_id} is intact: {len(restored)} files were restored.")


def gc(
    *,
    workspace: Folder = DEFAULT_WORKSPACE,
    grace: Annotated[float, Parameter(help="Hours to keep a file that nothing needs.")] = 24.0,
    dry_run: Annotated[bool, Parameter(help="List the files to remove, but remove nothing.")] = False,
) -> None:
    """Remove files that no run needs: shards that no run names, and leftovers of killed runs."""
    from storage.runs.garbage import collect, garbage  # noqa: PLC0415

    space = Workspace(workspace)
    with space.lock() as lease:
        entries = garbage(space, timedelta(hours=grace))
        if not dry_run:
            lease.require()  # if another process took the lock over meanwhile, the list may be out of date
            collect(space, entries)
    for entry in entries:
        say(entry.key)
    would = "would be " if dry_run else ""
    say(f"{len(entries):,} files, {sum(entry.size for entry in entries) / MIB:,.1f} MiB, {would}removed.")


def compare(
    first: str,
    second: str,
    /,
    *,
    fail_if: GateFlags = (),
    workspace: Folder = DEFAULT_WORKSPACE,
) -> None:
    """Report how a dataset drifted between two runs; a gate sets the exit status.

    Parameters
    ----------
    first, second
        Run ids, paths, or: latest.
    """
    from flows.cli.summary import comparison_summary  # noqa: PLC0415
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
    write_comparison(space.comparison(*ids), comparison, dict(zip(("first", "second"), ids, strict=True)))
    display(comparison_summary(*ids, comparison, space.comparison(*ids)))
    if failure := gate_failure(gates, comparison.summary, *ids):
        raise EigenwaveError(failure)


def _located(workspace: str, run: str) -> tuple[Workspace, RunPaths]:
    space = Workspace(workspace).home(run)
    return space, space.run(space.find(run).run_id)
