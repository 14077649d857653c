"""Commands that act on a list of issues: apply, decide and export."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.answer import Answer
from flows.cli.flags import Config, FlagsToRead, chosen_settings
from flows.cli.terminal import say
from flows.cli.upkeep import DecisionsFile, Folder
from storage.datasets.findings import counted
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace


def apply(
    issues: Path,
    source: str,
    /,
    *,
    to: Annotated[
        Path,
        Parameter(
            help="Write class folders of links into this new folder, or of image files if the dataset is an archive or "
            "a table; or a list to this new file, which ends in .csv."
        ),
    ],
    config: Config = None,
    settings: FlagsToRead = None,
) -> Answer:
    """Write a fixed dataset, a list or a folder of links, by the actions in a list of issues. Changes no image.

    Parameters
    ----------
    issues
        A list such as issues.csv with the column action: keep, drop or relabel:CLASS; empty for nothing.
    source
        The dataset, as for eigenwave run.
    """
    from flows.documents.issues import Applied  # noqa: PLC0415 - each command imports what it needs
    from storage.formats.open import address_of, base_of  # noqa: PLC0415
    from tasks.issues.actions import read_actions  # noqa: PLC0415
    from tasks.issues.fixed import fix, link_folders, write_list  # noqa: PLC0415
    from tasks.issues.unpacked import unpack_folders  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    fixed = fix(read_actions(issues), source, chosen)
    again, unreadable = f"eigenwave run {to}", list[str]()
    if to.suffix == ".csv":
        root = str(chosen.access.root or base_of(address_of(source), chosen.access))
        write_list(fixed, to, root)
        again += "" if "://" in root else f" --root {root}"
    elif fixed.stored is not None:
        unreadable = unpack_folders(fixed, fixed.stored, to)
    else:
        link_folders(fixed.images, to)
    counts, images = fixed.counts, len(fixed.images) - len(unreadable)

    def text() -> None:
        for each in fixed.left_out:
            say(f"Left out, since a run does not read it: {each}")
        for each in unreadable:
            say(f"Left out: {each}.")
        say(
            f"{to} has {counted(images, 'image')}: {counts['relabel']:,} relabelled, {counts['drop']:,} "
            f"dropped, {counts['keep']:,} kept as they are by an action. The dataset is unchanged."
        )
        say(f"Next: {again}")

    return Answer(
        lambda: Applied(
            to=str(to),
            images=images,
            relabelled=counts["relabel"],
            dropped=counts["drop"],
            kept=counts["keep"],
            left_out=[*fixed.left_out, *unreadable],
            next=again,
        ),
        text,
    )


def decide(
    issues: Path,
    run: str = "latest",
    /,
    *,
    decisions: DecisionsFile = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Remember the actions in a list of issues, so that these issues are not new again in any later run.

    Parameters
    ----------
    issues
        A list such as issues.csv with the column action: keep, drop or relabel:CLASS; empty for undecided.
    run
        The run that the list comes from: its id, its path, or latest.
    """
    from flows.documents.issues import Decided  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.issues.actions import read_actions  # noqa: PLC0415
    from tasks.issues.decisions import Decisions, decided, decisions_file  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    path = decisions_file(decisions, space)
    found = decided(Run(space.find(run)), read_actions(issues))
    before = Decisions.read(path)
    after = before.but(found)
    after.write(path)
    new = len(after) - len(before)
    return Answer(
        lambda: Decided(path=str(path), decisions=len(after), new=new),
        lambda: say(f"{path} has {counted(len(after), 'decision')}, {new:,} of them new."),
    )


def export(
    run: str = "latest",
    /,
    *,
    to: Annotated[Literal["csv", "huggingface", "fiftyone"], Parameter(help="Write for this program.")],
    output: Annotated[Path, Parameter(help="Write into this new folder.")],
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Write a run's images, labels and issues for other programs; images are linked, not copied.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from flows.documents.issues import Exported  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.issues.export import export_run  # noqa: PLC0415

    count = export_run(Run(Workspace(workspace).find(run)), to, output)
    return Answer(
        lambda: Exported(output=str(output), images=count), lambda: say(f"{output} has {counted(count, 'image')}.")
    )
