"""Figures for papers as marks on a page, from which files of any format are made: lines, boxes, texts and pictures."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, UInt8
from tasks.report.pixels import diverging

INK, PALE, OURS, CONTROL = "#222222", "#c9c9c9", "#d9730d", "#3b82c4"
LEFT, TOP, RIGHT, BOTTOM = 64, 28, 26, 44  # pixels around a chart
SMALL = 11  # height of letters, in pixels
SQUARES = 64  # largest side, in pixels, of a picture whose pixels are drawn as squares
LETTER, SWATCH = 6.0, 28  # width of a letter, and of all else of an entry of a legend, in pixels
WIDEST_NAME = 52  # width of a bar with a short name, in pixels
CELL, SIDE, GAP = 14, 96, 10  # side of a map's cell, side of a picture, and gap between pictures, in pixels


class Line(NamedTuple):
    """A line through points (x, y)."""

    points: Sequence[tuple[float, float]]
    colour: str
    width: float = 1.5


class Box(NamedTuple):
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


class Text(NamedTuple):
    """A line of text; anchor is start, middle or end, and y the middle of its height."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


class Raster(NamedTuple):
    """A picture (rows, columns, 1 or 3) whose pixels are drawn as squares."""

    x: float
    y: float
    width: float
    height: float
    pixels: UInt8


class Photograph(NamedTuple):
    """A picture whose pixels are small, so that a file may use lossy compression."""

    x: float
    y: float
    width: float
    height: float
    pixels: UInt8


Mark = Line | Box | Text | Raster | Photograph


class Drawing(NamedTuple):
    """Marks on a white page, in pixels from its upper left corner, with a title and a description."""

    width: float
    height: float
    marks: Sequence[Mark]
    title: str = ""
    description: str = ""

    def titled(self, title: str, description: str) -> Self:
        """Return the drawing with a title and a description."""
        return self._replace(title=title, description=description)


class Curve(NamedTuple):
    """A curve y over x, drawn as a line or as dots."""

    x: Float64
    y: Float64
    colour: str
    label: str
    dots: bool = False


class Frame(NamedTuple):
    """Axes with the size of the page and the values at their ends; the vertical one begins at 0."""

    width: int
    height: int
    right: float
    top: float
    left: float = 0.0

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of values on the page."""
        across, down = self.width - LEFT - RIGHT, self.height - TOP - BOTTOM
        return LEFT + across * (x - self.left) / (self.right - self.left), TOP + down * (1 - y / self.top)

    def marks(self, x_label: str, y_label: str) -> list[Mark]:
        """Draw the axes, and the ticks of the vertical one."""
        marks: list[Mark] = []
        end, bottom = self.width - RIGHT, self.height - BOTTOM
        for value in _ticks(self.top):
            y = self.place(0, value)[1]
            marks += [Line([(LEFT, y), (end, y)], PALE, 0.5), Text(LEFT - 6, y, f"{value:g}", "end")]
        marks += [Line([(LEFT, TOP), (LEFT, bottom), (end, bottom)], INK, 1)]
        return [*marks, Text((LEFT + end) / 2, self.height - 12, x_label), Text(LEFT, 12, y_label, "start")]

    def legend(self, entries: Sequence[tuple[str, str]]) -> list[Mark]:
        """Draw the legend of colors and labels, in a row above the chart."""
        marks: list[Mark] = []
        x = self.width - RIGHT
        for colour, label in reversed(entries):
            x -= round(LETTER * len(label)) + SWATCH
            marks += [Box(x, 9, 12, 6, colour), Text(x + 16, 12, label, "start")]
        return marks


def chart(curves: Sequence[Curve], x_label: str, y_label: str, *, logarithmic: bool = False) -> Drawing:
    """Draw curves on common axes, of which the horizontal one may be logarithmic."""
    width, height = 480, 300
    curves = [curve._replace(x=np.log10(curve.x)) for curve in curves] if logarithmic else curves
    right, top = (float(np.nanmax(np.concatenate([getattr(curve, name) for curve in curves]))) for name in "xy")
    left = min(float(curve.x.min()) for curve in curves) if logarithmic else 0.0
    frame = Frame(width, height, right or 1.0, 1.05 * max(top, 0.0) or 1.0, left)
    marks = frame.marks(x_label, y_label)
    ticks = _powers(left, right) if logarithmic else {value: f"{value:g}" for value in _ticks(frame.right)}
    marks += [Text(frame.place(x, 0)[0], height - BOTTOM + 12, text) for x, text in ticks.items()]
    for curve in curves:
        points = [frame.place(x, y) for x, y in zip(curve.x, curve.y, strict=True) if np.isfinite(y)]
        marks += (
            [Box(x - 3, y - 3, 6, 6, curve.colour) for x, y in points] if curve.dots else [Line(points, curve.colour)]
        )
    marks += frame.legend([(curve.colour, curve.label) for curve in curves])
    return Drawing(width, height, marks)


def _powers(left: float, right: float) -> dict[float, str]:
    """Return the powers of ten between two exponents, as exponents and texts."""
    return {float(power): f"{10**power:,}" for power in range(int(np.ceil(left - 1e-9)), int(right + 1e-9) + 1)}


def bars(
    values: Mapping[str, tuple[float, float | None]],
    y_label: str,
    legend: tuple[str, str] = ("labels", "shuffled, most"),
) -> Drawing:
    """Draw a bar for each value by its name, crossed by a line for the value after shuffling, if known."""
    widest = max(WIDEST_NAME, *(round(LETTER * (len(name) + 1)) for name in values))
    width = max(480, LEFT + RIGHT + widest * len(values))
    most = max(part for pair in values.values() for part in pair if part is not None)
    frame = Frame(width, 300, len(values), 1.05 * most or 1.0)
    marks = frame.marks("", y_label)
    for number, (name, (value, control)) in enumerate(values.items()):
        left, top = frame.place(number + 0.15, value)
        right, bottom = frame.place(number + 0.85, 0)
        marks += [Box(left, top, right - left, bottom - top, OURS), Text((left + right) / 2, bottom + 12, name)]
        if control is not None:
            y = frame.place(0, control)[1]
            marks.append(Line([(left - 4, y), (right + 4, y)], CONTROL, 3))
    return Drawing(width, 300, [*marks, *frame.legend(list(zip((OURS, CONTROL), legend, strict=True)))])


def _ticks(end: float) -> list[float]:
    """Return about four round numbers from 0 to the end."""
    rough = end / 4
    power = 10 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [float(round(number * step, 10)) for number in range(int(end / step + 1e-9) + 1)]


def heat_map(values: Float64, names: Sequence[str], title: str) -> Drawing:
    """Draw values (rows, columns) by the diverging color map, white at 0, with the names of the rows and a scale."""
    rows, columns = values.shape
    most = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    cell = max(2, min(CELL, 1600 // max(rows, columns)))
    left = 12 + 7 * max(map(len, names), default=0) if cell >= SMALL else 12
    width, height = left + cell * columns + 90, cell * rows + TOP + BOTTOM
    marks: list[Mark] = [Raster(left, TOP, cell * columns, cell * rows, diverging(values / most))]
    if cell >= SMALL:
        marks += [Text(left - 6, TOP + cell * (row + 0.5), name, "end") for row, name in enumerate(names)]
    step = next(step for step in (1, 5, 10, 50, 100, 500, 1000) if columns / step <= 12)  # noqa: PLR2004
    marks += [
        Text(left + cell * (column + 0.5), TOP + cell * rows + 12, str(column)) for column in range(0, columns, step)
    ]
    marks.append(Text(left + cell * columns / 2, height - 10, "pattern"))
    scale, tall = left + cell * columns + 20, min(cell * rows, 120)
    marks.append(Raster(scale, TOP, 12, tall, diverging(np.linspace(1, -1, 64)[:, None])))
    marks += [
        Text(scale + 16, TOP + tall * (1 - value / most) / 2, f"{value:.2g}", "start") for value in (most, 0, -most)
    ]
    return Drawing(width, height, [*marks, Text(scale, TOP + tall + 14, title, "start")])


def sheet(pictures: Sequence[tuple[UInt8, str]], across: int = 8) -> Drawing:
    """Draw pictures in rows, each with a text below."""
    high, wide = (max(picture.shape[axis] for picture, _ in pictures) for axis in (0, 1))
    scale = SIDE / max(high, wide)
    width, height = wide * scale, high * scale
    marks: list[Mark] = []
    for number, (picture, label) in enumerate(pictures):
        x = GAP + (width + GAP) * (number % across)
        y = GAP + (height + GAP + 18) * (number // across)
        kind = Raster if max(picture.shape[:2]) <= SQUARES else Photograph
        marks += [kind(x, y, width, height, picture), Text(x + width / 2, y + height + 11, label)]
    rows, columns = -(-len(pictures) // across), min(across, len(pictures))
    return Drawing(GAP + (width + GAP) * columns, GAP + (height + GAP + 18) * rows, marks)
