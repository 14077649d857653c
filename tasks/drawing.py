"""Figures for papers, as marks on a page that any format can be made from: lines, boxes, texts and pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tasks.picture import UInt8, diverging
from tasks.sums import Float64

INK, PALE, OURS, CONTROL = "#222222", "#c9c9c9", "#d9730d", "#3b82c4"
LEFT, TOP, RIGHT, BOTTOM = 64, 28, 14, 44  # pixels around a chart
SMALL = 11  # pixels of letters
CELL, SIDE, GAP = 14, 96, 10  # pixels of a cell of a map, of a picture, and between pictures


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
    """A line of letters; anchor is start, middle or end, y the middle of its height."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


class Raster(NamedTuple):
    """A picture of pixels (rows, columns, 1 or 3), each of them a square."""

    x: float
    y: float
    width: float
    height: float
    pixels: UInt8


Mark = Line | Box | Text | Raster


class Drawing(NamedTuple):
    """Marks on a white page, in pixels from its upper left corner."""

    width: float
    height: float
    marks: Sequence[Mark]


class Curve(NamedTuple):
    """Values to draw over x, as a line or as dots."""

    x: Float64
    y: Float64
    colour: str
    label: str
    dots: bool = False


def chart(curves: Sequence[Curve], x_label: str, y_label: str, width: int = 480, height: int = 300) -> Drawing:
    """Curves on common axes that begin at 0."""
    right, top = (float(np.nanmax(np.concatenate([getattr(curve, name) for curve in curves]))) for name in "xy")
    right, top = right or 1.0, 1.05 * top or 1.0
    across, down = width - LEFT - RIGHT, height - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + across * x / right, TOP + down * (1 - y / top)

    marks: list[Mark] = []
    for value in _ticks(top):
        y = place(0, value)[1]
        marks += [Line([(LEFT, y), (width - RIGHT, y)], PALE, 0.5), Text(LEFT - 6, y, f"{value:g}", "end")]
    for value in _ticks(right):
        x = place(value, 0)[0]
        marks.append(Text(x, height - BOTTOM + 12, f"{value:g}"))
    marks += [Line([(LEFT, TOP), (LEFT, height - BOTTOM), (width - RIGHT, height - BOTTOM)], INK, 1)]
    marks += [Text(LEFT + across / 2, height - 12, x_label), Text(LEFT, 12, y_label, "start")]
    for number, curve in enumerate(curves):
        points = [place(x, y) for x, y in zip(curve.x, curve.y, strict=True) if np.isfinite(y)]
        marks += (
            [Box(x - 3, y - 3, 6, 6, curve.colour) for x, y in points] if curve.dots else [Line(points, curve.colour)]
        )
        at = TOP + 40 + 16 * number
        marks += [Box(width - 130, at - 3, 12, 6, curve.colour), Text(width - 112, at, curve.label, "start")]
    return Drawing(width, height, marks)


def _ticks(end: float) -> list[float]:
    """Some four round numbers from 0 to the end."""
    rough = end / 4
    power = 10 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [float(round(number * step, 10)) for number in range(int(end / step + 1e-9) + 1)]


def heat_map(values: Float64, names: Sequence[str], title: str) -> Drawing:
    """Values (rows, columns) by the diverging map, white at 0, with a name to each row and its scale."""
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
    """Pictures in rows, each with a text below."""
    high, wide = (max(picture.shape[axis] for picture, _ in pictures) for axis in (0, 1))
    scale = SIDE / max(high, wide)
    width, height = wide * scale, high * scale
    marks: list[Mark] = []
    for number, (picture, label) in enumerate(pictures):
        x = GAP + (width + GAP) * (number % across)
        y = GAP + (height + GAP + 18) * (number // across)
        marks += [Raster(x, y, width, height, picture), Text(x + width / 2, y + height + 11, label)]
    rows, columns = -(-len(pictures) // across), min(across, len(pictures))
    return Drawing(GAP + (width + GAP) * columns, GAP + (height + GAP + 18) * rows, marks)
