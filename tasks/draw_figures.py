"""The pictures of the report as figures for papers."""

import base64
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from storage.drawings import to_png, to_svg
from storage.files import write_file
from storage.run import Run
from storage.store import StorePath
from tasks.drawing import CONTROL, OURS, Curve, Drawing, chart, heat_map, sheet
from tasks.gather_report import Report, by_pair
from tasks.picture import UInt8

MOST = 64  # pictures on a sheet


def draw_figures(report: Report) -> list[StorePath]:
    """Write each figure as SVG and as PNG.

    Returns
    -------
    list[StorePath]
        What was written.
    """
    written = []
    for name, drawing in _figures(report):
        for suffix, content in (("svg", to_svg(drawing)), ("png", to_png(drawing))):
            path = report.run.paths.figure(f"{name}.{suffix}")
            write_file(path, content)
            written.append(path)
    return written


def _figures(report: Report) -> Iterator[tuple[str, Drawing]]:
    run, row = report.run, report.learnability
    yield "map", heat_map(by_pair(run, "cohens_d").T, report.names, "Cohen's d")
    yield "spectrum", _spectrum(run)
    if row["learnability"] is not None and report.noise:
        yield "label_noise", _noise(run)
    yield "patterns", sheet([(_pixels(entry.picture), str(entry.row["pattern"])) for entry in report.patterns[:MOST]])
    of_classes = [(_pixels(entry.pictures[0]), entry.name[:14]) for entry in report.classes[:MOST] if entry.pictures]
    generalized = [(_pixels(entry["picture"]), str(entry["pattern"])) for entry in report.generalized]
    rebuilt = [
        pair
        for entry in report.rebuilt
        for pair in (
            *zip(map(_pixels, entry.pictures), map(str, report.ranks), strict=True),
            (_pixels(entry.original), "image"),
        )
    ]
    if of_classes:
        yield "class_patterns", sheet(of_classes)
    if generalized:
        yield "generalized_patterns", sheet(generalized)
    if rebuilt:
        yield "rebuilt", sheet(rebuilt, len(report.ranks) + 1)


def _spectrum(run: Run) -> Drawing:
    table = run.tables["patterns"]
    numbers = table["pattern"].to_numpy().astype(np.float64)
    return chart(
        [
            Curve(numbers, table["cumulative_energy"].to_numpy(), OURS, "all up to it"),
            Curve(numbers, table["energy_share"].to_numpy(), CONTROL, "the pattern"),
        ],
        "pattern",
        "part of the energy",
    )


def _noise(run: Run) -> Drawing:
    table, row = run.tables["label_noise"], run.manifest.learnability
    value, null = row["learnability"] or 0.0, row["expected_null"] or 0.0
    law = np.linspace(0, 1, 101)
    fractions, measured = (np.asarray(table[name], np.float64) for name in ("fraction", "measured"))
    return chart(
        [
            Curve(law, (1 - law) ** 2 * (value - null) + null, CONTROL, "expected"),
            Curve(fractions, measured, OURS, "measured", dots=True),
        ],
        "part of labels replaced",
        "learnability",
    )


def _pixels(address: str) -> UInt8:
    """The pixels of a picture that the report shows."""
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))
