"""The mean colour of each image, as a baseline: what a classification of whole-image colour and brightness can know."""

from collections.abc import Sequence

import numpy as np

from tasks.bands import Band
from tasks.products import Float32, Mask
from tasks.sums import Float64


def mean_colours(rows: Float32, used: Mask, bands: Sequence[Band], channels: int) -> Float64:
    """Mean of the approximation coefficients of each channel of the used rows (n, channels).

    Up to a factor this is the mean pixel value where the transform is orthonormal, and nearly so otherwise: boundaries
    weigh a little more or less. Without an approximation band there are no columns.
    """
    approximation = next((band for band in bands if band.orientation == "LL"), None)
    if approximation is None:
        return np.zeros((int(used.sum()), 0))
    coefficients = rows[:, approximation.start : approximation.stop][used]
    size = approximation.rows * approximation.columns
    means: Float64 = coefficients.reshape(-1, channels, size).mean(axis=2, dtype=np.float64)
    return means
