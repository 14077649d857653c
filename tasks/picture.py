"""From numbers to pictures for people: values around zero as shades around gray, large images made small."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.floating]

GRAY = 0.5


def shades(values: Image) -> Image:
    """Values around zero (height, width, channels) as shades in [0, 1]: zero is gray, the largest magnitude an end."""
    largest = float(np.abs(values).max(initial=0))
    shaded: Image = GRAY + values * (GRAY / largest) if largest else np.full_like(values, GRAY)
    return shaded


def shrunk(values: Image, most: int) -> Image:
    """An image (height, width, channels) made at most `most` pixels high and wide, by means over square blocks."""
    height, width, channels = values.shape
    side = -(-max(height, width) // most)
    down, across = min(side, height), min(side, width)
    rows, columns = height // down, width // across
    blocks = values[: rows * down, : columns * across].reshape(rows, down, columns, across, channels)
    small: Image = blocks.mean(axis=(1, 3))
    return small
