"""The spread of learnability when a part of the labels is replaced at random, over the random choices."""

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import whitened_means


def spread_under_noise(fraction: float, counts: Int64, sums: Float64, cross: Float64) -> float:
    """Standard deviation of learnability over random replacements of a fraction of the labels of given images.

    Let the scores z_i be whitened, so that their scatter is the identity, with class means m_c. A noisy label of image
    i is its own label with probability 1 - f, else one drawn in proportion to the classes. The sum over the classes of
    |S_c|^2 / n_c, with the sum of scores S_c and size n_c of a noisy class, varies in two ways (delta method). Its part
    linear in the labels gives image i, if labelled c, g_i(c) = 2 (1 - f) m_c'z_i - (1 - f)^2 |m_c|^2; these are
    independent. Its quadratic part has the variance of quadratic forms of normal variables. Scores are taken to have
    the same covariance within all classes.

    Parameters
    ----------
    fraction
        Fraction f of the labels that are replaced.
    counts, sums, cross
        Number of images (C,), sums of scores (C, k) and sum of outer products of scores (k, k).

    Returns
    -------
    float
        The standard deviation, NaN with fewer than two classes.
    """
    means, sizes = whitened_means(counts, sums, cross)
    if len(sizes) < 2:  # noqa: PLR2004
        return float("nan")
    linear = _linear(fraction, means, sizes)
    quadratic = _quadratic(fraction, sizes, means.shape[1])
    return float(np.sqrt(max(linear + quadratic, 0)) / (len(sizes) - 1))


def _linear(fraction: float, means: Float64, sizes: Int64) -> float:
    """Sum over the images of the variance of g_i over the noisy label of image i."""
    kept, n = 1 - fraction, float(sizes.sum())
    frequencies, squares = sizes / n, (means**2).sum(axis=1)
    slope, offset = 2 * kept, kept**2
    within = (np.eye(means.shape[1]) - (means * sizes[:, None]).T @ means) / n
    along = np.einsum("ci,ij,cj->c", means, within, means) + squares**2  # mean of (m_c'z)^2 within class c
    average = frequencies @ squares
    own = n * frequencies @ (slope**2 * along - (2 * slope - offset) * offset * squares**2)
    other = frequencies @ (slope**2 * squares + n * offset**2 * squares**2)
    square_of_mean = (
        kept**2 * own
        - 2 * kept * fraction * offset * average * n * (slope - offset) * average
        + n * (fraction * offset * average) ** 2
    )
    return float(kept * own + fraction * other - square_of_mean)


def _quadratic(fraction: float, sizes: Int64, rank: int) -> float:
    n = float(sizes.sum())
    frequencies = sizes / n
    own, other = 1 - fraction + fraction * frequencies, fraction * frequencies
    variances = frequencies * own * (1 - own) + (1 - frequencies) * other * (1 - other)
    between = (fraction * (2 - fraction)) ** 2 * (1 - (frequencies**2).sum()) / n**2
    return float(2 * rank * ((variances / sizes) ** 2).sum() + 2 * rank * between)
