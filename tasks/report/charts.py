"""Charts of a run as Bokeh figures, which zoom, show their numbers under the pointer, and work in notebooks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    FactorRange,
    HoverTool,
    LinearColorMapper,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure

from storage.runs.run import Run
from tasks.report.gather import by_pair
from tasks.report.pixels import DIVERGING, palette
from tasks.report.scale_bars import scale_bars
from tasks.report.verdict import Row
from tasks.statistics.relabelling import expected_under_noise

FEW_BARS = 10  # whose names fit side by side
ACCENT, CONTROL, MUTED = "#d9730d", "#3b82c4", "#808790"  # distinct for color-blind readers too, on white and on black
TOOLS = "pan,wheel_zoom,box_zoom,reset,save"
PARTS = "0.[0] %"  # format of fractions on an axis
NAMES_SHOWN = 40  # most classes whose names all fit on an axis
TAPPED = "if (window.eigenwave) window.eigenwave.showPattern(Math.round(cb_obj.x))"


def plot_map(run: Run) -> figure:
    """Plot Cohen's d of every class on every pattern, which shows the classes with more or less of a pattern."""
    names, effects = list(run.manifest.classes), by_pair(run, "cohens_d").T.astype(np.float32)
    classes, patterns = effects.shape
    most = float(np.nanmax(np.abs(effects), initial=0)) or 1.0
    plot = figure(
        height=min(900, 130 + 26 * max(classes, 4)),
        x_range=Range1d(start=-0.5, end=patterns - 0.5, bounds=(-0.5, patterns - 0.5)),
        y_range=Range1d(start=classes - 0.5, end=-0.5, bounds=(-0.5, classes - 0.5)),
        x_axis_label="pattern",
        tools=TOOLS,
        **_look(),
    )
    colours = LinearColorMapper(palette=palette(DIVERGING), low=-most, high=most, nan_color=MUTED)
    image = plot.image([effects], x=-0.5, y=-0.5, dw=patterns, dh=classes, color_mapper=colours)  # type: ignore[call-arg]
    name_of = CustomJSHover(args={"names": names}, code="return names[Math.round(value)] ?? ''")
    number_of = CustomJSHover(code="return String(Math.round(value))")
    hover = HoverTool(
        renderers=[image],
        tooltips=[("class", "$y{custom}"), ("pattern", "$x{custom}"), ("Cohen's d", "@image{0.00}")],
        formatters={"$y": name_of, "$x": number_of},
    )
    plot.add_tools(hover)
    plot.add_layout(ColorBar(color_mapper=colours, title="Cohen's d", width=10, background_fill_color=None), "right")
    plot.yaxis.formatter = CustomJSTickFormatter(args={"names": names}, code="return names[tick] ?? ''")
    plot.yaxis.ticker = list(range(classes)) if classes <= NAMES_SHOWN else AdaptiveTicker(min_interval=1)
    plot.js_on_event("tap", CustomJS(code=TAPPED))
    return _finished(plot)


def plot_spectrum(run: Run) -> figure:
    """Plot the fraction of the energy that each pattern holds, and that all patterns up to it hold."""
    table = run.tables["patterns"]
    numbers = table["pattern"].to_numpy()
    plot = figure(height=300, x_axis_label="pattern", y_axis_label="part of the energy", tools=TOOLS, **_look())
    plot.y_range.start, plot.y_range.end = 0, 1  # type: ignore[attr-defined]
    for column, colour, label in (
        ("cumulative_energy", ACCENT, "all up to it"),
        ("energy_share", CONTROL, "the pattern"),
    ):
        values = table[column].to_numpy()
        plot.line(numbers, values, line_color=colour, line_width=2, legend_label=label)
        dots = plot.scatter(numbers, values, color=colour, size=5)
        plot.add_tools(HoverTool(renderers=[dots], tooltips=[("pattern", "@x"), (label, "@y{0.0 %}")]))
    return _in_percent(_finished(plot))


def plot_label_noise(run: Run) -> figure:
    """Plot the learnability when a part of the labels is replaced at random, and its expectation."""
    table, row = run.tables["label_noise"], run.manifest.learnability
    fractions, measured = table["fraction"].to_numpy(), table["measured"].to_numpy()
    plot = figure(
        height=300, x_axis_label="part of labels replaced", y_axis_label="learnability", tools=TOOLS, **_look()
    )
    plot.x_range.start, plot.x_range.end = -0.02, 1.02  # type: ignore[attr-defined]
    plot.xaxis.formatter = NumeralTickFormatter(format=PARTS)
    plot.y_range.start = 0  # type: ignore[attr-defined]
    value, null = row["learnability"] or 0.0, row["expected_null"] or 0.0
    law = np.linspace(0, 1, 101)
    plot.line(law, expected_under_noise(law, value, null), line_color=MUTED, line_width=2, legend_label="expected")
    dots = plot.scatter([0, *fractions], [value, *measured], color=ACCENT, size=8, legend_label="measured")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("replaced", "@x{0 %}"), ("learnability", "@y{0.00 %}")]))
    return _in_percent(_finished(plot))


def plot_learning_curve(curve: Sequence[Row]) -> figure:
    """Plot the predicted R^2, and accuracy if known, over the number of images to learn from, on a logarithmic axis."""
    plot = figure(
        height=300,
        x_axis_type="log",
        x_axis_label="images learned from",
        y_axis_label="part of unseen images",
        tools=TOOLS,
        **_look(),
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    images = [row["images"] for row in curve]
    for column, colour, label in (
        ("accuracy", ACCENT, "accuracy"),
        ("r_squared", MUTED, "R²"),
        ("shuffled_r_squared", CONTROL, "R², shuffled"),
    ):
        values = [np.nan if row[column] is None else row[column] for row in curve]
        if not np.isfinite(values).any():
            continue
        plot.line(images, values, line_color=colour, line_width=2, legend_label=label)
        sizes = [10 if row["images"] == row["learned"] else 5 for row in curve]
        dots = plot.scatter(images, values, color=colour, size=sizes)
        plot.add_tools(HoverTool(renderers=[dots], tooltips=[("images", "@x{0,0}"), (label, "@y{0.0 %}")]))
    plot = _in_percent(_finished(plot))
    plot.legend.orientation = "horizontal"
    plot.add_layout(plot.legend[0], "above")
    return plot


def plot_scales(run: Run) -> figure:
    """Plot the learnability of each band on its own, coarse to fine, and the maximum under shuffled labels."""
    shown = scale_bars(run.tables["scales"].to_pylist())
    names, rows = [name for name, _ in shown], [row for _, row in shown]
    plot = figure(
        height=300,
        x_range=FactorRange(factors=names),
        x_axis_label="band",
        y_axis_label="learnability",
        tools="save",
        **_look(),
    )
    plot.y_range.start = 0  # type: ignore[attr-defined]
    if len(names) > FEW_BARS:
        plot.xaxis.major_label_orientation = "vertical"
    bars = plot.vbar(names, 0.7, [row["learnability"] or 0.0 for row in rows], color=ACCENT, legend_label="labels")
    plot.scatter(
        names, [row["shuffled_max"] or 0.0 for row in rows], color=CONTROL, size=9, legend_label="shuffled, most"
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[("band", "@x"), ("learnability", "@top{0.00 %}")]))
    plot = _in_percent(_finished(plot))
    plot.legend.location = "top_right"
    return plot


def plot_layers(rows: Sequence[Row]) -> figure:
    """Plot the R^2 of each layer's features from the patterns, beside shuffled features and those of the control.

    Parameters
    ----------
    rows
        Rows of the table `explained_layers` whose R^2 is known.
    """
    names = [row["layer"] for row in rows]
    plot = figure(
        height=300, x_range=FactorRange(factors=names), x_axis_label="layer", y_axis_label="R²", tools="save", **_look()
    )
    if len(names) > FEW_BARS:
        plot.xaxis.major_label_orientation = "vertical"
    bars = plot.vbar(names, 0.7, [row["r_squared"] for row in rows], color=ACCENT, legend_label="features")
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[("layer", "@x"), ("R²", "@top{0.000}")]))
    for column, colour, label in (
        ("shuffled_r_squared", CONTROL, "shuffled"),
        ("control_r_squared", MUTED, "control network"),
    ):
        there = [row for row in rows if row[column] is not None]
        if there:
            values = [row[column] for row in there]
            plot.scatter([row["layer"] for row in there], values, color=colour, size=9, legend_label=label)
    plot = _finished(plot)
    plot.legend.location = "top_right"
    return plot


def plot_drift(run: Run) -> figure:
    """Plot eta squared on the patterns of the run before, for its images and for the images of this run.

    Raises
    ------
    EigenwaveError
        If the run was not compared with an earlier one.
    """
    table = run.tables["compared_patterns"]
    plot = figure(height=300, x_axis_label="pattern of the run before", y_axis_label="η²", tools=TOOLS, **_look())
    plot.y_range.start = 0  # type: ignore[attr-defined]
    source = ColumnDataSource({name: table[name].to_numpy() for name in table.column_names})
    for column, colour, label in (("eta_squared_before", CONTROL, "before"), ("eta_squared_after", ACCENT, "now")):
        dots = plot.scatter("pattern", column, source=source, color=colour, size=7, legend_label=label)
    change = "@eta_squared_change{+0.0000} (@change_low{+0.0000} to @change_high{+0.0000})"
    tips = [
        ("pattern", "@pattern"),
        ("before", "@eta_squared_before"),
        ("now", "@eta_squared_after"),
        ("change", change),
    ]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[*tips, ("stability index", "@psi{0.000}")]))
    plot = _finished(plot)
    plot.legend.location = "top_right"
    return plot


def _look() -> dict[str, Any]:
    return {
        "sizing_mode": "stretch_width",
        "toolbar_location": "above",
        "background_fill_color": None,
        "border_fill_color": None,
        "outline_line_color": None,
        "active_scroll": None,
    }


def _in_percent(plot: figure) -> figure:
    plot.yaxis.formatter = NumeralTickFormatter(format=PARTS)
    return plot


def _finished(plot: figure) -> figure:
    plot.grid.grid_line_alpha = 0.25
    plot.grid.grid_line_color = MUTED
    plot.axis.minor_tick_line_color = None
    if plot.legend:
        plot.legend.background_fill_alpha = 0
        plot.legend.border_line_color = None
        plot.legend.location = "center_right"
    plot.toolbar.logo = None
    return plot
