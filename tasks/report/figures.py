"""Draw the pictures of the report as figures for papers."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from storage.stores.files import write_file
from storage.stores.store import StorePath
from tasks.dtypes import UInt8
from tasks.report.drawing import CONTROL, INK, OURS, Curve, Drawing, bars, chart, heat_map, sheet
from tasks.report.drawing_files import to_png, to_svg
from tasks.report.gather import Report, by_pair
from tasks.report.learning import more_images
from tasks.report.picture_files import decoded
from tasks.report.scale_bars import scale_bars
from tasks.report.verdict import percent
from tasks.statistics.relabelling import expected_under_noise

MOST = 64  # pictures on a sheet
MOST_ROWS = 256  # classes on the map: a page holds no more, and memory little more
SUSPECTS = 32
LETTERS = 14  # letters of a name below a picture
WITH_EXEMPLARS, EXEMPLARS = 8, 4  # patterns shown with images, and images on each side of them

Labelled = tuple[UInt8, str]


def draw_figures(report: Report) -> list[StorePath]:
    """Write each figure as SVG and as PNG. Figures that the run has no data for are left out.

    Returns
    -------
    list[StorePath]
        Paths of the written files.
    """
    written = []
    for name, draw in FIGURES.items():
        drawing = draw(report)
        if drawing is None:
            continue
        for suffix, content in (("svg", to_svg(drawing)), ("png", to_png(drawing))):
            path = report.run.paths.figure(f"{name}.{suffix}")
            write_file(path, content)
            written.append(path)
    return written


def _learnability(report: Report) -> Drawing | None:
    row = report.learnability
    pairs = {
        "labels": (row["learnability"], row["shuffled_max"]),
        "mean color": (row["colour_learnability"], row["colour_shuffled_max"]),
    }
    known = {name: pair for name, pair in pairs.items() if pair[0] is not None}
    if not known:
        return None
    drawing = bars(known, "learnability")
    return drawing.titled(report.headline, _beside_control(known))


def _map(report: Report) -> Drawing:
    effects = by_pair(report.run, "cohens_d").T
    strongest = np.nan_to_num(np.abs(effects)).max(axis=1)
    shown = np.sort(np.argsort(-strongest, kind="stable")[:MOST_ROWS])
    names = [report.names[class_id] for class_id in shown]
    few = len(names) == len(report.names)
    of = "each class" if few else f"the {len(names)} classes that differ most,"
    drawing = heat_map(effects[shown], names, "Cohen's d")
    return drawing.titled(f"Cohen's d of {of} on each pattern", f"Rows are {', '.join(names)}.")


def _spectrum(report: Report) -> Drawing:
    table = report.run.tables["patterns"]
    numbers, share, total = (
        np.asarray(table[name], np.float64) for name in ("pattern", "energy_share", "cumulative_energy")
    )
    curves = [Curve(numbers, total, OURS, "all up to it"), Curve(numbers, share, CONTROL, "the pattern")]
    text = f"The first holds {percent(share[0])}, all {len(numbers)} together {percent(total[-1])}."
    return chart(curves, "pattern", "part of the energy").titled("Energy of the patterns", text)


def _scales(report: Report) -> Drawing | None:
    shown = scale_bars(report.scales)
    known = {name: (row["learnability"], row["shuffled_max"]) for name, row in shown if row["learnability"]}
    if not known:
        return None
    drawing = bars(known, "learnability")
    return drawing.titled("Learnability of each band on its own", _beside_control(known))


def _beside_control(known: Mapping[str, tuple[float, float | None]]) -> str:
    return ", ".join(
        f"{name} {percent(value)}" + ("" if control is None else f" (shuffled at most {percent(control)})")
        for name, (value, control) in known.items()
    )


def _noise(report: Report) -> Drawing | None:
    row, known = report.learnability, [entry for entry in report.noise if entry["measured"] is not None]
    if row["learnability"] is None or not known:
        return None
    value, null = row["learnability"], row["expected_null"] or 0.0
    law = np.linspace(0, 1, 101)
    fractions, measured = (np.array([entry[name] for entry in known]) for name in ("fraction", "measured"))
    curves = [
        Curve(law, expected_under_noise(law, value, null), CONTROL, "expected"),
        Curve(fractions, measured, OURS, "measured", dots=True),
    ]
    text = ", ".join(f"{percent(left)} at {percent(part)}" for part, left in zip(fractions, measured, strict=True))
    drawing = chart(curves, "part of labels replaced", "learnability")
    return drawing.titled("Learnability when labels are replaced at random", f"{text}.")


def _learning_curve(report: Report) -> Drawing | None:
    if not report.learning:
        return None
    images = np.array([row["images"] for row in report.learning], np.float64)
    columns = (
        ("accuracy", OURS, "accuracy"),
        ("r_squared", INK, "R squared"),
        ("shuffled_r_squared", CONTROL, "R squared, shuffled"),
    )
    curves = [
        Curve(images, values, colour, label)
        for name, colour, label in columns
        if np.isfinite(values := np.array([row[name] for row in report.learning], np.float64)).any()
    ]
    drawing = chart(curves, "images learned from", "unseen images", logarithmic=True)
    return drawing.titled("Would more images help?", more_images(report.learning) or "Predicted R².")


def _drift(report: Report) -> Drawing | None:
    if report.drift is None:
        return None
    numbers, before, after = (
        np.array([row[name] for row in report.drift.patterns], np.float64)
        for name in ("pattern", "eta_squared_before", "eta_squared_after")
    )
    curves = [Curve(numbers, before, CONTROL, "before", dots=True), Curve(numbers, after, OURS, "now", dots=True)]
    drawing = chart(curves, "pattern of the run before", "eta squared")
    return drawing.titled(f"Association since run {report.drift.before}", f"{report.drift.headline}.")


def _layers(report: Report) -> Drawing | None:
    names = ("r_squared", "shuffled_r_squared")
    known = {row["layer"]: tuple(max(row[name], 0.0) for name in names) for row in report.asked.known_layers}
    if not known:
        return None
    drawing = bars(known, "R squared", ("features", "shuffled"))
    said = [f"{name} {percent(value)} (shuffled {percent(control)})" for name, (value, control) in known.items()]
    return drawing.titled("Variance of each layer that the patterns predict", f"{', '.join(said)}.")


def _patterns(report: Report) -> Drawing | None:
    pictured = ((entry.picture, str(entry.row["pattern"])) for entry in report.patterns if entry.picture is not None)
    return _sheet("The leading patterns", pictured)


def _class_patterns(report: Report) -> Drawing | None:
    own = ((entry.pictures[0], entry.name) for entry in report.classes if entry.pictures)
    return _sheet("What sets each class apart", own)


def _generalized(report: Report) -> Drawing | None:
    found = ((entry["picture"], str(entry["pattern"])) for entry in report.generalized if report.pictured)
    return _sheet("Patterns that classes share unevenly", found)


def _exemplars(report: Report) -> Drawing | None:
    rows: list[Labelled] = []
    for entry in report.patterns[:WITH_EXEMPLARS]:
        sides = [
            [report.thumbnails[row] for row in entry.exemplars[side] if row in report.thumbnails][:EXEMPLARS]
            for side in ("positive", "negative")
        ]
        if entry.picture is not None and all(len(side) == EXEMPLARS for side in sides):
            images = [(decoded(found.image), report.names[found.class_id]) for side in sides for found in side]
            rows += [(entry.picture, f"pattern {entry.row['pattern']}"), *images]
    return _sheet("Patterns, images with most of each, and with most of its opposite", rows, 1 + 2 * EXEMPLARS)


def _rebuilt(report: Report) -> Drawing | None:
    rows: list[Labelled] = []
    for entry in report.rebuilt:
        rows += zip(entry.pictures, map(str, report.ranks), strict=True)
        rows.append((decoded(entry.original), entry.class_name))
    return _sheet("Images as sums of the mean and their first patterns", rows, len(report.ranks) + 1)


def _suspects(report: Report) -> Drawing | None:
    found = (
        (decoded(report.thumbnails[row["row"]].image), report.names[row["class_id"]])
        for row in report.suspects[:SUSPECTS]
        if row["row"] in report.thumbnails
    )
    return _sheet("Labels worth a look", found)


def _sheet(title: str, pictures: Iterable[Labelled], across: int | None = None) -> Drawing | None:
    """Draw pictures in rows, at most `MOST`; if the length of rows is passed as `across`, draw all."""
    shown = list(pictures) if across else list(pictures)[:MOST]
    named = [(pixels, label[:LETTERS]) for pixels, label in shown]
    return sheet(named, across or 8).titled(title, ", ".join(label for _, label in shown)) if shown else None


FIGURES: Mapping[str, Callable[[Report], Drawing | None]] = {
    "learnability": _learnability,
    "map": _map,
    "spectrum": _spectrum,
    "scales": _scales,
    "label_noise": _noise,
    "learning_curve": _learning_curve,
    "drift": _drift,
    "layers": _layers,
    "patterns": _patterns,
    "class_patterns": _class_patterns,
    "generalized_patterns": _generalized,
    "exemplars": _exemplars,
    "rebuilt": _rebuilt,
    "suspects": _suspects,
}
