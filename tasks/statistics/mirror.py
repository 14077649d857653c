"""Scores of mirror images, predicted from the scores of the images.

To mirror an image is linear in its pixels, and so in wavelet coefficients. It is nearly linear in a modulus or a
scattering, whose windows are mirrored. So a linear map that is fitted to a sample of images gives the scores of all
mirror images, without another look at the images.
"""

import numpy as np

from tasks.dtypes import Float64

SAMPLED = 1024  # images that are mirrored, to fit the map
PREDICTORS = 128  # leading patterns whose scores predict those of mirror images
RIDGE = 1e-6  # of the mean variance of the predictors; for samples smaller than their number


def fit_mirror(scores: Float64, mirrored: Float64) -> Float64:
    """Fit the map from scores of images to scores of their mirror images, by ridge regression.

    Parameters
    ----------
    scores
        Scores of a sample (s, k).
    mirrored
        Scores of its mirror images (s, m).

    Returns
    -------
    Float64
        The map (k + 1, m); its last row is the constant.
    """
    means = scores.mean(axis=0), mirrored.mean(axis=0)
    centred = scores - means[0]
    squares = centred.T @ centred
    squares.flat[:: len(squares) + 1] += max(RIDGE * np.trace(squares) / len(squares), np.finfo(np.float64).tiny)
    slopes = np.linalg.solve(squares, centred.T @ (mirrored - means[1]))
    return np.concatenate([slopes, (means[1] - means[0] @ slopes)[None]])


def mirror(scores: Float64, fitted: Float64) -> Float64:
    """Predict the scores of mirror images (n, m) from scores (n, k) by a map (k + 1, m)."""
    result: Float64 = scores @ fitted[:-1] + fitted[-1]
    return result
