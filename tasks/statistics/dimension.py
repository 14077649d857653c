"""Intrinsic dimension: the number of directions in which images vary around an image, from their nearest neighbors."""

import numpy as np

from tasks.dtypes import Float64

NEAREST = 6  # the neighbors before this one may be near-duplicates, of which the dimension says nothing
KEPT_RATIOS = 0.9  # part of the ratios that TwoNN uses


def inverse_dimensions(distances: Float64) -> Float64:
    """Estimate the inverse of the dimension around each image (n,) from the distances to its neighbors (n, m).

    In a small ball of dimension d, the nearest m - 1 of m neighbors lie as if drawn at random from the ball up to the
    last, so (T_j / T_m)^d are ordered uniform numbers. The maximum-likelihood estimate by Levina and Bickel (2004) uses
    all of them. Here the first five count only as nearer than the sixth (censored), since near-duplicates are among
    them: 1 / d = (sum_{6 <= j < m} log(T_m / T_j) + 5 log(T_m / T_6)) / (m - 6).

    Returns
    -------
    Float64
        Inverse dimensions; NaN for an image whose sixth distance is 0, or that has fewer neighbors.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(distances[:, -1:] / distances[:, NEAREST - 1 : -1])
    total = logs.sum(axis=1) + (NEAREST - 1) * logs[:, 0]
    return np.where(np.isfinite(total), total / logs.shape[1], np.nan)


def likeliest_dimension(inverse: Float64) -> float:
    """Combine the inverse dimensions of all images (n,): their mean, as MacKay and Ghahramani (2005) correct the MLE.

    Returns
    -------
    float
        The dimension; NaN if it is undefined.
    """
    known = inverse[np.isfinite(inverse)]
    return float(1 / known.mean()) if known.any() else np.nan


def two_neighbor_dimension(distances: Float64) -> float:
    """Estimate the dimension from the distances to the two nearest neighbors (n, 2).

    TwoNN (Facco, d'Errico, Rodriguez and Laio 2017): the ratio of both distances has the distribution 1 - ratio^-d, so
    -log of the part of larger ratios is d log(ratio). A line through the origin is fitted to all but the largest tenth
    of the ratios, as the authors do.

    Returns
    -------
    float
        The dimension; NaN if it is undefined.
    """
    known = distances[(distances[:, 0] > 0) & np.isfinite(distances[:, 1])]
    ratios = np.sort(np.log(known[:, 1] / known[:, 0]))
    kept = int(KEPT_RATIOS * len(ratios))
    larger = -np.log1p(-np.arange(1, kept + 1) / (len(ratios) + 1))
    squares = float(ratios[:kept] @ ratios[:kept])
    return float(ratios[:kept] @ larger) / squares if squares > 0 else np.nan
