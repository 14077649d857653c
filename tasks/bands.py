"""Bands of coefficients: what they are called, and which of them, with what weight, are a run's columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

DETAILS = ("LH", "HL", "HH")
TERM = re.compile(r"(?P<orientation>[LH]{2})?(?P<level>\d+)?")


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
    match = TERM.fullmatch(term)
    if not match or not term:
        return False
    orientations = {match["orientation"]} if match["orientation"] else set(DETAILS)
    return shape.orientation in orientations and match["level"] in {None, str(shape.level)}
