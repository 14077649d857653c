"""The kinds of images that stand out, and the measures that find them.

A measure finds an image if two things hold. Its value is far from those of most images of the dataset, by `REACH` of
`tasks.statistics.fences`; and it is bad in itself, by a fixed limit. Without the second, a dataset in which all images
are alike would have outliers; without the first, every digit on a black ground would be dark.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Mask
from tasks.quality.columns import Columns
from tasks.statistics.fences import Fences

# Fixed limits, our own.
DARK, BRIGHT = 1 / 4, 3 / 4  # luma that 99 % of the pixels are below, or above
FLAT = 0.05  # deviation of the pixels from their mean: 13 of 256 levels
EMPTY = 0.9  # part of the pixels in one level of luma
BLURRED = 1.0  # sharpness of a photograph that is blurred by a Gaussian with a deviation of one pixel
OTHER_SIZE, OTHER_ASPECT = 4.0, 1.5  # times as many pixels, or as wide for the height
UNEXPLAINED, MOSTLY = 0.01, 0.5  # part of the energy
FAR = 2.0  # times the value of the class's median image
TINY = 1e-4  # added to values of which the logarithm is taken, since they may be 0

Limit = Callable[[Columns, Float64], Mask]  # from all columns and the distance from the median on the measure's scale
Sentence = Callable[[float, float, float, float], str]  # from a value, and the quartiles


class Scale(NamedTuple):
    """A scale on which a property is distributed about alike on both sides, and its inverse."""

    to: Callable[[Float64], Float64]
    back: Callable[[float], float]


LOGARITHM = Scale(lambda values: np.log(values + TINY), lambda place: float(np.exp(place)) - TINY)
FROM_ONE = Scale(lambda values: -np.log(1 - values + TINY), lambda place: 1 + TINY - float(np.exp(-place)))
LOGIT = Scale(
    lambda values: np.log((values + TINY) / (1 - values + TINY)),
    lambda place: (1 + 2 * TINY) / (1 + float(np.exp(-place))) - TINY,
)


class Measure(NamedTuple):
    """A measure that finds images of a kind.

    Attributes
    ----------
    kind, column
        The kind, and the column that is measured.
    scale
        Scale of the values.
    side
        1 if large values stand out, -1 if small ones do.
    limit
        The fixed limit.
    sentence
        The sentence of evidence.
    by_class
        Whether an image is compared with those of its class.
    """

    kind: str
    column: str
    scale: Scale
    side: int
    limit: Limit
    sentence: Sentence
    by_class: bool = False

    def deviation(self, columns: Columns, centre: Float64, fences: Fences) -> Float64:
        """Deviations (n,) of images from the center (n,), which is that of their class or of all; 0 within the limit.

        `fences` are those of the scaled values less their centers.
        """
        away = self.scale.to(columns[self.column]) - centre
        with np.errstate(invalid="ignore"):
            bad = self.limit(columns, np.abs(away))
        return np.where(bad, fences.deviation(away, self.side), 0.0)


def _varies(columns: Columns) -> Mask:
    found: Mask = columns["variation"] > FLAT
    return found


def _other(factor: float) -> Limit:
    return lambda _, away: away >= np.log(factor) - TINY


def _unexplained(columns: Columns, away: Float64) -> Mask:
    found: Mask = (columns["residual_share"] >= UNEXPLAINED) & (away >= np.log(FAR))
    return found


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %"


def _dark(value: float, low: float, _median: float, high: float) -> str:
    return (
        f"99 % of its pixels are darker than {_percent(value)} of white; in half of the images it is {_percent(low)} "
        f"to {_percent(high)}."
    )


def _bright(value: float, low: float, _median: float, high: float) -> str:
    return (
        f"99 % of its pixels are brighter than {_percent(value)} of white; in half of the images it is {_percent(low)} "
        f"to {_percent(high)}."
    )


def _flat(value: float, low: float, _median: float, high: float) -> str:
    return f"Its pixels deviate by {value:.2g} from their mean; in half of the images it is {low:.2g} to {high:.2g}."


def _blurred(value: float, low: float, _median: float, high: float) -> str:
    return f"Its sharpness is {value:.2g}; in half of the images it is {low:.2g} to {high:.2g}."


def _size(value: float, _low: float, median: float, _high: float) -> str:
    return f"It has {value:,.0f} pixels; the median image has {median:,.0f}."


def _aspect(value: float, _low: float, median: float, _high: float) -> str:
    return f"It is {value:.2g} times as wide as high; the median image is {median:.2g} times."


def _filled(value: float, low: float, _median: float, high: float) -> str:
    return (
        f"{_percent(value)} of its pixels have nearly the same brightness; in half of the images it is {_percent(low)} "
        f"to {_percent(high)}."
    )


def _residual(value: float, _low: float, median: float, _high: float) -> str:
    return f"Patterns leave {value / median:.2g} times as much of it unexplained as of the median image of its class."


def _mostly(value: float, low: float, _median: float, high: float) -> str:
    return (
        f"Patterns leave {_percent(value)} of it unexplained; in half of the images of its class it is {_percent(low)} "
        f"to {_percent(high)}."
    )


def _distance(value: float, _low: float, median: float, _high: float) -> str:
    return f"Its scores are {value / median:.2g} times as far from the mean of its class as those of the median image."


MEASURES = (
    Measure("dark", "highlights", LOGARITHM, -1, lambda c, _: c["highlights"] <= DARK, _dark),
    Measure("bright", "shadows", FROM_ONE, 1, lambda c, _: c["shadows"] >= BRIGHT, _bright),
    Measure("flat", "variation", LOGARITHM, -1, lambda c, _: ~_varies(c), _flat),
    Measure("nearly empty", "flatness", LOGIT, 1, lambda c, _: (c["flatness"] >= EMPTY) & _varies(c), _filled),
    Measure("blurred", "sharpness", LOGARITHM, -1, lambda c, _: (c["sharpness"] <= BLURRED) & _varies(c), _blurred),
    *(Measure("odd size", "pixels", LOGARITHM, side, _other(OTHER_SIZE), _size) for side in (-1, 1)),
    *(Measure("odd size", "aspect", LOGARITHM, side, _other(OTHER_ASPECT), _aspect) for side in (-1, 1)),
    Measure("outlier", "residual_energy", LOGARITHM, 1, _unexplained, _residual, by_class=True),
    Measure("outlier", "residual_share", LOGIT, 1, lambda c, _: c["residual_share"] >= MOSTLY, _mostly, by_class=True),
    Measure("outlier", "class_distance", LOGARITHM, 1, _other(FAR), _distance, by_class=True),
)
KINDS = tuple(dict.fromkeys(measure.kind for measure in MEASURES))
