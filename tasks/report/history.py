"""The history of a dataset as a page: charts over its last runs, failed gates marked, and a table."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from tasks.compare.history import History
from tasks.report.rendering import environment

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 190, 64, 24, 16, 26  # of a chart, in pixels
MOST_DATES = 6  # below a chart
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
# Title of each chart, and its curves: a column, the columns of its interval, its name, and the colour of the style.
CHARTS = (
    (
        "Learnability beyond chance",
        "How far the classes lie apart, with 95 % intervals.",
        (("learnability_adjusted", ("ci_low", "ci_high"), "learnability", "ours"),),
    ),
    (
        "Accuracy on unseen images",
        "The part of images that a classifier names right although it did not learn from them.",
        (("accuracy", None, "accuracy", "ours"),),
    ),
    (
        "What to fix",
        "Labels that are probably wrong, copies of training images in other splits, and new issues.",
        (
            ("wrong_labels", None, "wrong labels", "ours"),
            ("leaked", None, "leaks", "control"),
            ("new_issues", None, "new issues", "note"),
        ),
    ),
)


class Curve(NamedTuple):
    """A curve of a chart.

    Attributes
    ----------
    label, colour
        Its name, and its color's name in the style sheet.
    lines
        Points (x, y) of each unbroken part, in pixels; a run without the number interrupts the line.
    points
        Position (x, y) of each number, and what it says.
    bars
        Ends (x, upper y, lower y) of each interval.
    """

    label: str
    colour: str
    lines: list[list[tuple[float, float]]]
    points: list[tuple[float, float, str]]
    bars: list[tuple[float, float, float]]


class Chart(NamedTuple):
    """A chart: its words, its curves, ticks (position and text) of both axes, and failed gates (x and text)."""

    title: str
    text: str
    curves: list[Curve]
    ticks: list[tuple[float, str]]
    dates: list[tuple[float, str]]
    failures: list[tuple[float, str]]


def render_history(history: History) -> str:
    """Render a history as one HTML page that loads nothing."""
    rows = history.table.to_pylist()
    return (
        environment()
        .get_template("history.html")
        .render(
            title=PurePath(history.source).name,
            history=history,
            rows=rows,
            charts=[_chart(rows, *each) for each in CHARTS],
            judged=sum(bool(row["gates"]) and row["failed_gates"] is not None for row in rows),
            failed=sum(bool(row["failed_gates"]) for row in rows),
            size=(WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM),
            policy=POLICY,
        )
    )


def _chart(rows: Sequence[dict[str, Any]], title: str, text: str, curves: Sequence[Any]) -> Chart:
    names = [name for column, ends, _, _ in curves for name in (column, *(ends or ()))]
    values = [row[name] for row in rows for name in names if row[name] is not None]
    counted = all(isinstance(value, int) for value in values)
    low, high = _range(values, whole=counted)
    across = WIDTH - LEFT - RIGHT

    def x(number: int) -> float:
        return LEFT + across * (number + 0.5) / len(rows)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))

    drawn = []
    for column, ends, label, colour in curves:
        lines: list[list[tuple[float, float]]] = [[]]
        points, bars = [], []
        for number, row in enumerate(rows):
            if row[column] is None:
                lines.append([])
                continue
            lines[-1].append((x(number), y(row[column])))
            shown = f"{row[column]:,}" if counted else f"{row[column]:.3f}"
            points.append((*lines[-1][-1], f"{row['created']:%Y-%m-%d %H:%M}, {row['run_id']}: {label} {shown}"))
            if ends and all(row[end] is not None for end in ends):
                bars.append((x(number), y(row[ends[1]]), y(row[ends[0]])))
        drawn.append(Curve(label, colour, [line for line in lines if line], points, bars))
    ticks = [(y(value), f"{value:,.0f}" if counted else f"{value:.3f}") for value in (low, (low + high) / 2, high)]
    step = -(-len(rows) // MOST_DATES)
    dates = [(x(number), f"{rows[number]['created']:%Y-%m-%d}") for number in range(0, len(rows), step)]
    failures = [
        (x(number), f"{row['created']:%Y-%m-%d}: failed {', '.join(row['failed_gates'])}")
        for number, row in enumerate(rows)
        if row["failed_gates"]
    ]
    return Chart(title, text, drawn if values else [], ticks, dates, failures)


def _range(values: Sequence[float], *, whole: bool) -> tuple[float, float]:
    """Return the ends of the vertical axis: counts begin at 0, and other numbers where they begin."""
    if whole:
        most = max(values, default=0)
        return 0, max(most + most % 2, 2)  # even, so that the middle is whole too
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin
