"""The command associate: what a run's patterns have to do with a column."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from flows.cli.answer import Answer
from flows.cli.terminal import display, grid
from flows.cli.upkeep import Folder
from storage.printable import printable
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from tasks.report.column_words import counts, differs, predicted, sentence
from tasks.report.shortcut_words import VERDICTS, shortcut_sentence
from tasks.report.verdict import percent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.documents.columns import Column as ColumnEntry
    from storage.stores.store import StorePath
    from tasks.columns.ask import Association

SHOWN = 10  # values, and patterns, in a table for people
PATTERNS = 5
Columns = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        help="Ask about this column of the dataset, property such as mode, or column of --table; several with commas "
        "between, or a pattern such as 'finding_*'. properties asks about all properties.",
    ),
]
KeyedFile = Annotated[
    Path | None,
    Parameter(
        help="Read columns from this table (CSV, JSON lines, Parquet, Feather). Its column key names images as the "
        "table samples does."
    ),
]


def associate(
    run: str = "latest",
    /,
    *,
    by: Columns,
    table: KeyedFile = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Ask what a run's patterns have to do with a column, such as a site, a camera or a property.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from flows.documents.columns import Associated  # noqa: PLC0415 - each command imports what it needs
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.columns.ask import ask_run  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    opened = Run(space.find(run))
    found = ask_run(space, opened, by, table)
    run_id = opened.manifest.run_id
    shortcuts = sorted((row for each in found for row in shortcut_rows(each)), key=_seriousness)

    def text() -> None:
        display(Text(printable(f"\n{run_id}  {opened.manifest.source}", keep="\n"), style="bold"))
        if len(shortcuts) > 1:
            display(Group(Text(), _shortcuts(shortcuts)))
        places = {row["column"]: place for place, row in enumerate(shortcuts)}
        for each in sorted(found, key=lambda each: places.get(each.column, -1)):
            display(association_summary(each, space.association(run_id, each.column)))

    return Answer(lambda: Associated(run=run_id, columns=[column_of(each) for each in found]), text)


def column_of(found: "Association") -> "ColumnEntry":
    """Return the tables of a column as lists of rows; the summary is one row."""
    from flows.documents.columns import Column as ColumnEntry  # noqa: PLC0415

    tables = {name.removeprefix("column_"): table.to_pylist() for name, table in found.tables.items()}
    return ColumnEntry.model_validate({"column": found.column, **tables, "summary": tables["summary"][0]})


def association_summary(found: "Association", folder: "StorePath | None" = None) -> "RenderableType":
    """A sentence about a column and, if there is an association, tables of its values and of the leading patterns."""
    row = found.tables["column_summary"].to_pylist()[0]
    parts: list[RenderableType] = [Text(), Text(printable(sentence(row)), style="bold"), Text(printable(counts(row)))]
    parts += [Text(printable(shortcut_sentence(shortcut))) for shortcut in shortcut_rows(found)]
    if predicted(row) or differs(row):
        shown = SHOWN_TABLES[row["kind"]]
        parts += [part for rows in (make(found) for make in shown) if rows.row_count for part in (Text(), rows)]
    if folder is not None:
        parts.append(Text(f"\n{folder}", overflow="fold"))
    return Group(*parts)


def shortcut_rows(found: "Association") -> list[dict[str, Any]]:
    """Return the row that says whether a column is a shortcut; none if that was not asked."""
    rows: list[dict[str, Any]] = found.tables["column_shortcuts"].to_pylist()
    return rows


def _seriousness(row: Mapping[str, Any]) -> tuple[int, float]:
    return VERDICTS.index(row["verdict"]), -(row["cramers_v"] or 0.0)


def _shortcuts(rows: list[dict[str, Any]]) -> Table:
    names = ("\ncolumn", "goes with\nclass, V", "read within\nclasses", "adds to\naccuracy")
    table = grid(Column("\nshortcut?", min_width=12), *names)
    for row in rows:
        goes = "-" if row["cramers_v"] is None else f"{row['cramers_v']:.2f}"
        read = "-" if row["readable"] is None else percent(row["readable"])
        added = percent(row["inflation"]) if (row["inflation_low"] or 0) > 0 else "-"
        table.add_row(row["verdict"], printable(row["column"]), goes, read, added)
    return table


def _values(found: "Association") -> Table:
    rows = sorted(found.tables["column_values"].to_pylist(), key=lambda row: -row["images"])
    table = grid(Column("value", min_width=12), "images", "unseen", "predicted", "patterns that stand out most")
    for row in rows[:SHOWN]:
        pairs = zip(row["patterns"], row["cohens_d"], strict=True)
        standing_out = ", ".join(f"{pattern} ({effect:+.2f})" for pattern, effect in pairs)
        right = "-" if row["held_out"] is None else percent(row["held_out"])
        table.add_row(printable(row["value"]), f"{row['images']:,}", f"{row['judged']:,}", right, standing_out)
    if len(rows) > SHOWN:
        table.add_row(f"and {len(rows) - SHOWN:,} more")
    return table


def _patterns(found: "Association") -> Table:
    rows = found.tables["column_patterns"].to_pylist()
    table = grid("\npattern", "eta\nsquared", "shuffled,\nmost", "\nq", "value that\nstands out")
    for row in sorted(rows, key=lambda row: row["association_rank"])[:PATTERNS]:
        numbers = ("-" if row[name] is None else f"{row[name]:.4f}" for name in ("eta_squared", "null_eta_squared_max"))
        q_value = "-" if row["q_value"] is None else f"{row['q_value']:.1e}"
        table.add_row(str(row["pattern"]), *numbers, q_value, printable(row["top_value"] or "-"))
    return table


def _labels(found: "Association") -> Table:
    rows = sorted(found.tables["column_values"].to_pylist(), key=lambda row: -row["images"])
    heads = "\nimages", "\nunseen", "area under\nthe curve", "shuffled,\nmost", "average\nprecision", "\nprecision"
    table = grid(Column("\nlabel", min_width=12), *heads)
    names = ("area", "shuffled_area", "average_precision", "precision")
    for row in rows[:SHOWN]:
        counted = f"{row['images']:,}", f"{row['judged']:,}"
        table.add_row(printable(row["value"]), *counted, *(_three(row[name]) for name in names))
    if len(rows) > SHOWN:
        table.add_row(f"and {len(rows) - SHOWN:,} more")
    for row in found.tables["column_averages"].to_pylist():
        table.add_row(f"all, {row['average']}", "", "", *(_three(row[name]) for name in names))
    return table


def _correlations(found: "Association") -> Table:
    rows = sorted(found.tables["column_patterns"].to_pylist(), key=lambda row: row["association_rank"])
    table = grid("\npattern", "\ncorrelation", "shuffled,\nmost", "\nq")
    for row in rows[:PATTERNS]:
        q_value = "-" if row["q_value"] is None else f"{row['q_value']:.1e}"
        correlation = "-" if row["correlation"] is None else f"{row['correlation']:+.3f}"
        table.add_row(str(row["pattern"]), correlation, _three(row["null_correlation_max"]), q_value)
    return table


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


SHOWN_TABLES = {
    "categorical": (_values, _patterns),
    "number": (_correlations,),
    "date": (_correlations,),
    "labels": (_labels,),
}
