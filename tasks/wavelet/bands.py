"""Bands of coefficients: their names, and the selection and weights that determine a run's columns."""

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
    """A band of a transform and its size in each channel, without a place among the columns."""

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
        Horizontal, then vertical filter: LL is the approximation; LH, HL and HH are details.
    level
        Level, 1 the finest.
    rows, columns
        Size in each channel.
    start, stop
        Range of columns.
    weight
        Factor of the coefficients.
    """

    orientation: str
    level: int
    rows: int
    columns: int
    start: int
    stop: int
    weight: float = 1.0


def select(shapes: Sequence[Shape], channels: int, chosen: str, weights: str) -> list[Band]:
    """Select bands, and place them side by side in the order of `shapes`.

    Parameters
    ----------
    shapes
        All bands of a transform.
    channels
        Number of channels of each band.
    chosen
        Terms separated by commas: `all`, `details`, an orientation such as `LL`, a level such as `2` (its details), or
        both, such as `HH1`.
    weights
        Terms with weights, such as `LL=0.5,1=2`; the last that names a band applies. Other bands have weight 1.

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
    """A set of columns that is decomposed on its own.

    Attributes
    ----------
    level
        Level, 1 the finest.
    orientation
        LL, LH, HL or HH; None for all details of the level.
    channel
        Number of the channel; None for all channels.
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
        """The columns as a slice."""
        return slice(self.start, self.stop)


def families(bands: Sequence[Band], channels: int) -> list[list[Scale]]:
    """List all scales in families: the details of each level, each band, and each channel of each band.

    A family that would repeat another is left out.
    """
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
