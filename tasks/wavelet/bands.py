"""Bands of coefficients: what they are called, and which of them, with what weight, are a run's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from tasks.dtypes import Float32

DETAILS = ("LH", "HL", "HH")
DIGITS = "0123456789"

# Bands by orientation and level, each (n, channels, rows, columns) float32.
Planes = Mapping[tuple[str, int], Float32]


class Shape(NamedTuple):
    """A band of a transform before it has a place among the columns: its size in each channel."""

    orientation: str
    level: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Band:
    """A band of coefficients: a run of adjacent columns, ordered by channel, row and column.

    Attributes
    ----------
    orientation
        Horizontal, then vertical filter: LL is the approximation, LH, HL and HH are details.
    level
        1 is the finest.
    rows, columns
        Size in each channel.
    start, stop
        Range of coefficients.
    weight
        What the coefficients were multiplied by.
    """

    orientation: str
    level: int
    rows: int
    columns: int
    start: int
    stop: int
    weight: float = 1.0


def select(shapes: Sequence[Shape], channels: int, chosen: str, weights: str) -> list[Band]:
    """The chosen bands, side by side in the given order.

    Parameters
    ----------
    shapes
        All bands of a transform.
    channels
        Channels that each band has.
    chosen
        Terms with commas between: `all`, `details`, an orientation such as `LL`, a level such as `2` (its details), or
        both, such as `HH1`.
    weights
        Terms with their weight, such as `LL=0.5,1=2`; where several apply, the last does. Weights are 1 otherwise.

    Raises
    ------
    ValueError
        If a term names no band.
    """
    terms = chosen.split(",")
    weighted = [
        (term, float(weight)) for term, _, weight in (entry.partition("=") for entry in weights.split(",") if entry)
    ]
    for term in [*terms, *(term for term, _ in weighted)]:
        if not any(_names(term, shape) for shape in shapes):
            known = ", ".join(f"{shape.orientation}{shape.level}" for shape in shapes)
            raise ValueError(f"There is no band {term} among {known}: change --bands, --weights or --level.")
    bands: list[Band] = []
    start = 0
    for shape in shapes:
        if any(_names(term, shape) for term in terms):
            weight = next((value for term, value in reversed(weighted) if _names(term, shape)), 1.0)
            stop = start + channels * shape.rows * shape.columns
            bands.append(Band(*shape, start, stop, weight))
            start = stop
    return bands


def _names(term: str, shape: Shape) -> bool:
    if term in {"all", "details"}:
        return term == "all" or shape.orientation in DETAILS
    orientation = term.rstrip(DIGITS)
    level = term.removeprefix(orientation)
    orientations = (orientation,) if orientation else DETAILS if level else ()
    return shape.orientation in orientations and level in {"", str(shape.level)}


@dataclass(frozen=True)
class Scale:
    """Columns that are decomposed on their own.

    Attributes
    ----------
    level
        1 is the finest.
    orientation
        LL, LH, HL or HH; None for all details of the level.
    channel
        Number of the channel; None for all.
    start, stop
        Range of columns.
    """

    level: int
    orientation: str | None
    channel: int | None
    start: int
    stop: int

    @property
    def columns(self) -> slice:
        """The columns."""
        return slice(self.start, self.stop)


def families(bands: Sequence[Band], channels: int) -> list[list[Scale]]:
    """All scales: details of each level, each band, each channel of each band; without families that would repeat."""
    details = [band for band in bands if band.orientation in DETAILS]
    by_level = [(level, list(group)) for level, group in groupby(details, key=lambda band: band.level)]
    levels = [Scale(level, None, None, group[0].start, group[-1].stop) for level, group in by_level if len(group) > 1]
    whole = [Scale(band.level, band.orientation, None, band.start, band.stop) for band in bands]
    single = [
        Scale(band.level, band.orientation, channel, band.start + channel * size, band.start + (channel + 1) * size)
        for band in bands
        for size in [(band.stop - band.start) // channels]
        for channel in range(channels)
    ]
    return [family for family in (levels, whole, single if channels > 1 else []) if family]
