"""The penalty of ridge regression, by generalized cross-validation from sums over the images.

Golub, Heath and Wahba (1979). It needs only the images that are learned from, so a penalty for a held-out check knows
nothing of the images held out.
"""

import numpy as np

from tasks.dtypes import Float64

PENALTIES = np.logspace(-8, 1, 37)  # relative to the largest eigenvalue of the total scatter


def best_penalties(values: Float64, squares: Float64, variation: Float64, images: float) -> Float64:
    """Choose the penalty of each target (T,) among `PENALTIES`: the least squared error per squared degree of freedom.

    Parameters
    ----------
    values
        Eigenvalues of the scatter of the scores (k,), in ascending order, none negative.
    squares
        Squared cross products of the centered target with the scores, along each eigenvector (k, T).
    variation
        Sum of squares of each target about its mean (T,).
    images
        Number of images.
    """
    penalties = PENALTIES * (values[-1] or 1)
    shrunk = values + penalties[:, None]
    errors = variation - (2 / shrunk - values / shrunk**2) @ squares
    freedom = images - 1 - (values / shrunk).sum(axis=1)
    scores = np.full_like(errors, np.inf)
    scores[freedom > 0] = errors[freedom > 0] / freedom[freedom > 0, None] ** 2
    result: Float64 = penalties[scores.argmin(axis=0)]
    return result
