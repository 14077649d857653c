"""The command issues: what to fix in a dataset."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Group
from rich.table import Column
from rich.text import Text

from flows.cli.answer import Answer
from flows.cli.terminal import display, grid, note, say
from flows.cli.upkeep import DecisionsFile, Folder
from storage.datasets.findings import counted
from storage.printable import printable
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

    from flows.documents.issues import Listed
    from tasks.issues.choose import Issues
    from tasks.issues.second_opinion import SecondOpinion

SHOWN = 20  # issues in a table for people
Kinds = Annotated[tuple[str, ...], Parameter(name="--kind", help="List only issues of this kind, such as leak.")]
Classes = Annotated[
    tuple[str, ...], Parameter(name="--class", help="List only images that are labelled with this class.")
]
Predictions = Annotated[
    Path | None,
    Parameter(
        help="Judge labels by a model too: a table of its probabilities for images it did not learn from (column key, "
        "and one for each class), or a .npy array in the order of the table samples."
    ),
]
Format = Literal["table", "csv", "jsonl", "paths"]
Paths = Annotated[Literal["absolute", "relative"], Parameter(help="Print paths below the dataset like this.")]


def issues(  # noqa: PLR0913 - each is a word of the command
    run: str = "latest",
    /,
    *,
    kind: Kinds = (),
    class_: Classes = (),
    top: Annotated[
        int | None, Parameter(help="List this many, the most severe; by default all, in a table 20.")
    ] = None,
    new: Annotated[
        bool, Parameter(negative="", help="List only what is neither decided nor in the run before.")
    ] = False,
    format: Annotated[Format, Parameter(help="Print them like this.")] = "table",  # noqa: A002 - the word of the command
    decisions: DecisionsFile = None,
    predictions: Predictions = None,
    paths: Paths = "absolute",
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """List what to fix in a run's dataset, the most severe first.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from tasks.issues.choose import Choice, relative_to_dataset  # noqa: PLC0415 - each command imports what it needs

    every = opened(run, decisions, workspace, predictions)
    if every.opinion is not None:
        note(opinion_sentence(every.opinion))
    shown = SHOWN if top is None and format == "table" else top
    chosen = every.choose(Choice(kind, class_, None, new))
    table = chosen if shown is None else chosen.slice(0, Choice(top=shown).top)
    if paths == "relative":
        table = relative_to_dataset(table, every.run.manifest.source)
    return Answer(lambda: _document(every, table, len(chosen)), lambda: _print(every, table, len(chosen), format))


def _document(every: "Issues", table: "pa.Table", chosen: int) -> "Listed":
    from flows.documents.issues import Listed, Opinion  # noqa: PLC0415

    manifest, found = every.run.manifest, every.opinion
    return Listed(
        run_id=manifest.run_id,
        source=manifest.source,
        found=every.found,
        chosen=chosen,
        opinion=found and Opinion(predicted=found.predicted, unknown=found.unknown, share=found.share),
        issues=table.to_pylist(),
    )


def _print(every: "Issues", table: "pa.Table", chosen: int, format: Format) -> None:  # noqa: A002 - as above
    if format == "table":
        display(issues_summary(every, table, chosen))
    elif format == "csv":
        _print_csv(table)
    else:
        for row in table.to_pylist():
            say(row["path"] if format == "paths" else json.dumps(row))


def opened(run: str, decisions: str | None, workspace: str, predictions: Path | None = None) -> "Issues":
    """Open the issues of a run, with the decisions of a file or of the workspace, and perhaps a model's predictions."""
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.issues.choose import Issues  # noqa: PLC0415
    from tasks.issues.decisions import Decisions, decisions_file  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    return Issues.of(Run(space.find(run)), space, Decisions.read(decisions_file(decisions, space)), predictions)


def opinion_sentence(found: "SecondOpinion") -> str:
    """Say how many labels a model's predictions were about, and what they weighed."""
    unknown = (
        f" {counted(found.unknown, 'row of the file', 'names', 'name')} no image of the run." if found.unknown else ""
    )
    return (
        f"The predictions are about {found.predicted:,} of {len(found.rows):,} judged images; the run alone judged the "
        f"others. Where there is one, the run weighs {found.share:.3g} and the model {1 - found.share:.3g}.{unknown}"
    )


def issues_summary(every: "Issues", table: "pa.Table", chosen: int) -> "RenderableType":
    """A table for people of some of the chosen issues, and how to see the others and act on them."""
    run = every.run
    title = Text(printable(f"\n{run.manifest.run_id}  {run.manifest.source}", keep="\n"), style="bold")
    found = ", ".join(f"{count:,} {kind}" for kind, count in every.found.items() if count) or "no issues"
    lines = [title, Text(f"{found}; {chosen:,} chosen, {len(table):,} shown")]
    if not len(table):
        return Group(*lines)
    rows = grid("severity", Column("kind", min_width=8), Column("image", min_width=20), "class", "suggestion")
    for row in table.to_pylist():
        cells = row["kind"], row["key"], row["class_name"] or "-", row["suggestion"] or "-"
        rows.add_row(f"{row['severity']:.3f}", *map(printable, cells))
    more = Text(f"\nAll of them, with evidence, for a spreadsheet: {run.paths.issues}", overflow="fold")
    return Group(*lines, Text(), rows, more)


def _print_csv(table: "pa.Table") -> None:
    """Print issues as issues.csv has them, byte by byte."""
    from storage.tables.spreadsheet import write_rows  # noqa: PLC0415
    from tasks.issues.spreadsheet import COLUMNS, cells  # noqa: PLC0415

    sys.stdout.flush()
    write_rows(sys.stdout.buffer, COLUMNS, cells([table]))
