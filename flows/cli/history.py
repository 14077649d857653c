"""The command history: the last runs of a dataset as a chart and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Group
from rich.table import Column
from rich.text import Text

from flows.cli.answer import Answer, write_page
from flows.cli.terminal import display, grid, say
from flows.cli.upkeep import Folder
from storage.printable import printable
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.documents.runs import PastRuns
    from tasks.compare.history import History

ROWS, MOST_COLUMNS, STEP = 9, 70, 4  # of the chart: lines, columns, and most columns a run
RUN, FAILED, INTERVAL = "o", "X", "|"


def history(
    source: str | None = None,
    /,
    *,
    last: Annotated[int, Parameter(help="Number of runs.")] = 50,
    html: Annotated[Path | None, Parameter(help="Write a page with charts to this file, too.")] = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Show how a dataset changed from run to run: its last runs as a chart and a table, failed gates marked.

    Parameters
    ----------
    source
        A dataset, as for run; by default that of the latest run.
    """
    from tasks.compare.history import history_of  # noqa: PLC0415 - each command imports what it needs

    found = history_of(Workspace(workspace), source, last)
    if html is not None:
        from tasks.report.history import render_history  # noqa: PLC0415

        write_page(html, render_history(found), "--html")

    def text() -> None:
        display(history_summary(found))
        if html is not None:
            say("")
            say(str(html))

    return Answer(lambda: _document(found), text)


def _document(found: "History") -> "PastRuns":
    from flows.documents.runs import PastRuns  # noqa: PLC0415

    rows = [row | {"created": row["created"].isoformat()} for row in found.table.to_pylist()]
    return PastRuns(
        source=found.source,
        runs=rows,
        earlier=found.earlier,
        other_kinds=found.other_kinds,
        unreadable=list(found.unreadable),
    )


def history_summary(found: "History") -> "RenderableType":
    """A chart of learnability, a table with a line for each run, and the gates that were failed."""
    rows = found.table.to_pylist()
    table = grid(
        Column("\nsealed (UTC)", no_wrap=True),
        Column("\nimages", justify="right"),
        Column("learn-\nability", justify="right"),
        Column("95 %\ninterval", no_wrap=True),
        Column("accu-\nracy", justify="right"),
        Column("wrong\nlabels", justify="right"),
        Column("\nleaks", justify="right"),
        Column("new\nissues", justify="right"),
        Column("\ngates"),
    )
    table.padding = (0, 1, 0, 0)  # so that it fits into 80 columns
    for row in rows:
        table.add_row(
            f"{row['created']:%Y-%m-%d %H:%M}",
            f"{row['images']:,}",
            _part(row["learnability_adjusted"]),
            _interval(row),
            _part(row["accuracy"]),
            *(_count(row[name]) for name in ("wrong_labels", "leaked", "new_issues")),
            _gates(row),
        )
    title = Text(printable(found.source, keep="\n"), style="bold", overflow="fold")
    return Group(title, *_chart(rows), table, *_failures(rows), *_left_out(found))


def _chart(rows: Sequence[dict[str, Any]]) -> list[Text]:
    """Draw learnability over the last runs with plain letters; nothing if no run has it."""
    shown = rows[-MOST_COLUMNS:]
    names = ("learnability_adjusted", "ci_low", "ci_high")
    values = [row[name] for row in shown for name in names if row[name] is not None]
    if not values:
        return [Text()]
    low, high = min(values), max(values)
    step = max(1, min(STEP, MOST_COLUMNS // len(shown)))
    lines = [[" "] * (step * len(shown)) for _ in range(ROWS)]

    def line(value: float) -> int:
        return round((ROWS - 1) * (high - value) / (high - low)) if high > low else ROWS // 2

    for number, row in enumerate(shown):
        value, *ends = (row[name] for name in names)
        if None not in ends:
            for each in range(line(ends[1]), line(ends[0]) + 1):
                lines[each][step * number] = INTERVAL
        if value is not None:
            lines[line(value)][step * number] = FAILED if row["failed_gates"] else RUN
    labels = {0: _part(high), ROWS - 1: _part(low)}
    drawn = [Text(f"{labels.get(number, ''):>6} {''.join(each).rstrip()}") for number, each in enumerate(lines)]
    legend = f"Learnability beyond chance: {RUN} a run, {INTERVAL} 95 % interval, {FAILED} failed a gate."
    return [Text(), *drawn, Text(), Text(legend), Text()]


def _failures(rows: Sequence[dict[str, Any]]) -> list[Text]:
    failed = [row for row in rows if row["failed_gates"]]
    lines = [Text(f"{row['run_id']} failed {', '.join(row['failed_gates'])}", overflow="fold") for row in failed]
    return [Text(), *lines] if lines else []


def _left_out(found: "History") -> list[Text]:
    """Say which runs are not shown."""
    said = []
    if found.earlier:
        said.append(f"{found.earlier:,} earlier {_runs(found.earlier)} left out (--last).")
    if found.other_kinds:
        said.append(f"{found.other_kinds:,} {_runs(found.other_kinds)} left out: of other settings, not to compare.")
    if found.unreadable:
        said.append(f"Left out, since damaged (eigenwave repair): {', '.join(found.unreadable)}.")
    return [Text(), *map(Text, said)] if said else []


def _runs(count: int) -> str:
    return "run is" if count == 1 else "runs are"


def _part(value: float | None) -> str:
    """A number without the 0 before its point, which would make the table too wide."""
    return "-" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def _interval(row: dict[str, Any]) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return "-" if low is None or high is None else f"{_part(low)}-{_part(high)}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _gates(row: dict[str, Any]) -> str:
    if row["failed_gates"]:
        return "FAILED"
    return "passed" if row["gates"] and row["failed_gates"] is not None else "-"
