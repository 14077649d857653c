"""Commands that act on a list of issues: apply, decide and export."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.flags import Config, Flags, chosen_settings
from flows.cli.terminal import say
from flows.cli.upkeep import DecisionsFile, Folder
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace


def apply(
    issues: Path,
    source: str,
    /,
    *,
    to: Annotated[Path, Parameter(help="New folder for class folders of links, or new list, which ends in .csv.")],
    config: Config = None,
    settings: Flags = None,
) -> None:
    """Write a fixed dataset, a list or a folder of links, by the actions in a list of issues. Changes no image.

    Parameters
    ----------
    issues
        A list such as issues.csv with the column action: keep, drop or relabel:CLASS; empty for nothing.
    source
        The dataset, as for run; its images must be files.
    """
    from storage.formats.open import address_of, base_of  # noqa: PLC0415 - each command imports what it needs
    from tasks.issues.actions import read_actions  # noqa: PLC0415
    from tasks.issues.fixed import fix, link_folders, write_list  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    fixed = fix(read_actions(issues), source, chosen)
    again = f"eigenwave run {to}"
    if to.suffix == ".csv":
        root = str(chosen.access.root or base_of(address_of(source), chosen.access))
        write_list(fixed, to, root)
        again += "" if "://" in root else f" --root {root}"
    else:
        link_folders(fixed.images, to)
    for text in fixed.left_out:
        say(f"Left out, since a run does not read it: {text}")
    counts = fixed.counts
    say(
        f"{to} has {len(fixed.images):,} images: {counts['relabel']:,} relabelled, {counts['drop']:,} dropped, "
        f"{counts['keep']:,} kept as they are by an action. The dataset is unchanged."
    )
    say(f"Next: {again}")


def decide(
    issues: Path,
    run: str = "latest",
    /,
    *,
    decisions: DecisionsFile = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> None:
    """Remember the actions in a list of issues, so that these issues are not new again in any later run.

    Parameters
    ----------
    issues
        A list such as issues.csv with the column action: keep, drop or relabel:CLASS; empty for undecided.
    run
        The run that the list comes from: a run id, a path, or: latest.
    """
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.issues.actions import read_actions  # noqa: PLC0415
    from tasks.issues.decisions import Decisions, decided, decisions_file  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    path = decisions_file(decisions, space)
    found = decided(Run(space.find(run)), read_actions(issues))
    before = Decisions.read(path)
    after = before.but(found)
    after.write(path)
    say(f"{path} has {len(after):,} decisions, {len(after) - len(before):,} of them new.")


def export(
    run: str = "latest",
    /,
    *,
    to: Annotated[Literal["csv", "huggingface", "fiftyone"], Parameter(help="The program to write for.")],
    output: Annotated[Path, Parameter(help="New folder.")],
    workspace: Folder = DEFAULT_WORKSPACE,
) -> None:
    """Write a run's images, labels and issues for other programs; images are linked, not copied.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    """
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.issues.export import export_run  # noqa: PLC0415

    count = export_run(Run(Workspace(workspace).find(run)), to, output)
    say(f"{output} has {count:,} images.")
