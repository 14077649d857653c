"""The mean colour of each image, as a baseline: what a classification of whole-image colour and brightness can know."""

import numpy as np

from tasks.products import Float32, Mask
from tasks.space import CoefficientSpace
from tasks.sums import Float64


def mean_colours(rows: Float32, used: Mask, space: CoefficientSpace) -> Float64:
    """Mean of the approximation coefficients of each channel of the used rows (n, channels).

    Up to a factor this is the mean pixel value where the transform is orthonormal, and nearly so otherwise: boundaries
    weigh a little more or less. Without an approximation of the image there are no columns.
    """
    approximation = next((band for band in space.bands if band.orientation == "LL"), None)
    if approximation is None or not space.invertible:
        return np.zeros((int(used.sum()), 0))
    coefficients = rows[:, approximation.start : approximation.stop][used]
    size = approximation.rows * approximation.columns
    means: Float64 = coefficients.reshape(-1, space.channels, size).mean(axis=2, dtype=np.float64)
    return means
