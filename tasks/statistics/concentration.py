"""Where a pattern's energy lies in the image: a pattern in few pixels, lines or the border is not one of an object."""

from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float32

FEW_PIXELS = 0.01  # part of the pixels
FEW_LINES = 1 / 32  # part of the rows or columns, and of a side that the border is wide
LARGEST_LINES, LARGEST_BORDER = 1 / 16, 0.25  # parts of the pixels; in small images these are much of the image


class Concentration(NamedTuple):
    """Parts of a pattern's energy; NaN where a pattern is zero.

    Attributes
    ----------
    pixels
        Part in the few pixels with most energy: one of a hundred, at least one.
    lines
        Part in the few rows, or columns, with most energy: one of 32, at least one; NaN if a side is below 16 pixels.
    border
        Part in the border, a 32nd of each side wide, at least one pixel; NaN if that is over a quarter of the image.
    """

    pixels: float
    lines: float
    border: float


def concentration(image: Float32) -> Concentration:
    """Measure where the energy of a pattern, as an image (height, width, channels), lies."""
    energy = (image.astype(np.float64) ** 2).sum(axis=2)
    total = energy.sum()
    if not total > 0:
        return Concentration(*[float("nan")] * 3)
    energy /= total
    lines = max(_most(energy.sum(axis=axis), FEW_LINES) for axis in (0, 1))
    lines = lines if min(energy.shape) * LARGEST_LINES >= 1 else float("nan")
    return Concentration(_most(energy.ravel(), FEW_PIXELS), lines, _border(energy))


def _most(parts: np.ndarray, few: float) -> float:
    count = max(1, int(few * len(parts)))
    return float(np.partition(parts, len(parts) - count)[-count:].sum())


def _border(energy: np.ndarray) -> float:
    height, width = (max(1, int(FEW_LINES * side)) for side in energy.shape)
    inside = energy[height:-height, width:-width]
    if energy.size - inside.size > LARGEST_BORDER * energy.size:
        return float("nan")
    return float(1 - inside.sum())
