"""Commands that say which runs to keep: prune and tag."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Group
from rich.table import Column
from rich.text import Text

from flows.cli.answer import Answer
from flows.cli.terminal import Terminal, display, grid, note, say
from flows.cli.upkeep import Folder
from storage.datasets.findings import counted
from storage.errors import InputError
from storage.printable import printable
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from tasks.dtypes import MIB

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from flows.documents.upkeep import Pruned
    from storage.runs.retention import Choice, Policy
    from storage.stores.store import Entry

Keep = Annotated[
    tuple[str, ...],
    Parameter(
        help="Keep these runs, such as last=30,weekly=12,tag. last, daily, weekly, monthly and yearly take a number; "
        "tag keeps tagged runs, tag=NAME those with this tag, run=ID this run."
    ),
]


def prune(
    *,
    keep: Keep = (),
    workspace: Folder = DEFAULT_WORKSPACE,
    grace: Annotated[float, Parameter(help="Hours to keep a shard that no run needs any more.")] = 24.0,
    dry_run: Annotated[bool, Parameter(negative="", help="List the runs to remove, but remove nothing.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Remove them without asking.")] = False,
) -> Answer:
    """Remove old runs by rules, and then files that no run needs. Lists the runs first, and asks."""
    from storage.runs.retention import Policy, choose  # noqa: PLC0415 - each command imports what it needs

    policy, space = Policy.parse(keep), Workspace(workspace)
    choices = choose(space, policy)
    doomed = [choice.run.run_id for choice in choices if not choice.reasons]
    if dry_run or not doomed:
        listed = f"{_runs(len(doomed))} would be removed." if dry_run else "There is no run to remove."
        return Answer(lambda: _document(choices, [], removed=not dry_run), lambda: _show(choices, listed))
    note(prune_summary(choices))
    if not yes and not _confirmed(len(doomed)):
        return Answer(lambda: _document(choices, [], removed=False), lambda: say("Nothing was removed."))
    removed, files = _remove(space, policy, doomed, timedelta(hours=grace))
    size = sum(file.size for file in files) / MIB
    told = f"{_runs(len(removed))} removed, and {counted(len(files), 'file')} that no run needs ({size:,.1f} MiB)."
    done = [choice for choice in choices if choice.reasons or choice.run.run_id in removed]
    return Answer(lambda: _document(done, files, removed=True), lambda: say(told))


def _show(choices: "Sequence[Choice]", last: str) -> None:
    display(prune_summary(choices))
    say(last)


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"Nothing was removed: pass --yes to remove {_runs(count)}, or --dry-run to list them only.")
    Terminal(stderr=True).print(f"Remove {_runs(count)} for good? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _remove(
    space: Workspace, policy: "Policy", doomed: Sequence[str], grace: timedelta
) -> "tuple[list[str], list[Entry]]":
    """Remove the runs that were listed, unless one became needed meanwhile; return them and the files that went too."""
    from storage.runs.garbage import collect, garbage  # noqa: PLC0415
    from storage.runs.removal import finish_removals, remove_runs  # noqa: PLC0415
    from storage.runs.retention import choose  # noqa: PLC0415

    with space.lock() as lease:
        finish_removals(space)
        removed = [each.run.run_id for each in choose(space, policy) if not each.reasons and each.run.run_id in doomed]
        lease.require()
        remove_runs(space, removed)
        entries = garbage(space, grace)
        lease.require()  # if another process took the lock over meanwhile, the list may be out of date
        collect(space, entries)
    return removed, entries


def _runs(count: int) -> str:
    return counted(count, "run")


def _document(choices: "Sequence[Choice]", files: "Sequence[Entry]", *, removed: bool) -> "Pruned":
    from flows.documents.upkeep import ChosenRun, Pruned, Unneeded  # noqa: PLC0415

    runs = [
        ChosenRun(run_id=run.run_id, source=source, created=run.created.isoformat(), images=run.images, reasons=reasons)
        for run, source, reasons in choices
    ]
    return Pruned(removed=removed, runs=runs, files=[Unneeded(key=file.key, bytes=file.size) for file in files])


def prune_summary(choices: "Sequence[Choice]") -> "RenderableType":
    """A table for each source: runs to remove, and runs to keep with the reasons."""
    tables: dict[str, Table] = {}
    for run, source, reasons in choices:
        if source not in tables:
            tables[source] = grid(
                Column("", no_wrap=True),
                Column("run", no_wrap=True),
                Column("sealed (UTC)", no_wrap=True),
                Column("images", justify="right", no_wrap=True),
                "kept by",
            )
        word = Text("keep") if reasons else Text("remove", style="bold")
        when = f"{run.created:%Y-%m-%d %H:%M}"
        tables[source].add_row(word, run.run_id, when, f"{run.images:,}", ", ".join(dict.fromkeys(reasons)))
    parts: list[RenderableType] = []
    for source, table in tables.items():
        parts += [Text(printable(source, keep="\n"), style="bold", overflow="fold"), table, ""]
    return Group(*parts)


def tag(
    run: str,
    /,
    *names: str,
    remove: Annotated[bool, Parameter(negative="", help="Take these tags away from the run.")] = False,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Give a run tags, by which eigenwave prune keeps it; without a tag, list those of the run.

    Parameters
    ----------
    run
        A run id, or: latest.
    names
        Tags, such as release-1.
    """
    from flows.documents.upkeep import Tagged  # noqa: PLC0415
    from storage.runs.notes import keep_tags, tags_of  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    run_id = space.find(run).run_id
    if names:
        with space.lock():
            before = set(tags_of(space, space.find(run_id).run_id))
            missing = set(names) - before
            if remove and missing:
                raise InputError(f"Run {run_id} has no tag {min(missing)}; eigenwave tag {run_id} lists its tags.")
            keep_tags(space, run_id, before - set(names) if remove else before | set(names))
    tags = tags_of(space, run_id)
    shown = f"{run_id}: {', '.join(tags) if tags else 'no tags'}"
    return Answer(lambda: Tagged(run_id=run_id, tags=tags), lambda: say(shown))
