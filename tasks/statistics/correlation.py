"""Pearson's correlation of each pattern's scores with numbers, and its p-value, from sums over parts of the images."""

import numpy as np

from tasks.dtypes import Float64
from tasks.statistics.groups import FEWEST_GROUPS
from tasks.statistics.target_sums import ROUNDING, TargetSums


def correlations(sums: TargetSums) -> Float64:
    """Correlation of each pattern's scores and each target (k, T); NaN if either does not vary."""
    if not sums.counts.sum():
        return np.full(sums.products.shape[1:], np.nan)
    found = sums.whole()
    squares = np.diagonal(found.scatter)
    squares = np.where(squares > ROUNDING * np.diagonal(sums.cross.sum(axis=0)), squares, np.nan)
    return np.clip(found.covariation / np.sqrt(squares[:, None] * found.variation), -1, 1)


def p_values(correlation: Float64, images: int) -> Float64:
    """Two-sided p-values (k, T) by Student's t of r sqrt((n - 2) / (1 - r^2)), NaN with fewer than three images.

    They are exact if targets do not depend on the scores, images are independent, and targets or scores are normal.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import, and workers do not need it

    freedom = images - 2
    if freedom < 1:
        return np.full_like(correlation, np.nan)
    with np.errstate(divide="ignore"):
        statistic = np.abs(correlation) * np.sqrt(freedom / (1 - correlation**2))
    return np.asarray(2 * stdtr(freedom, -statistic), np.float64)


def grouped_p_values(sums: TargetSums) -> Float64:
    """Two-sided p-values (k, T) where images of a group depend on one another, and a part holds whole groups.

    Each part has a sum of products of centered scores and targets. Without association their mean is 0, which a t test
    asks of them. NaN with fewer than `FEWEST_GROUPS` parts that hold images, or if the products do not vary.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import, and workers do not need it

    held = np.flatnonzero(sums.counts)
    if len(held) < FEWEST_GROUPS:
        return np.full(sums.products.shape[1:], np.nan)
    found = sums.whole()
    counts, scores = sums.counts[held, None, None], sums.scores[held, :, None]
    shares = sums.products[held] - found.centre[:, None] * sums.targets[held, None, :] - scores * found.means
    shares += counts * found.centre[:, None] * found.means
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = shares.mean(axis=0) / (shares.std(axis=0, ddof=1) / np.sqrt(len(held)))
    return np.asarray(2 * stdtr(len(held) - 1, -np.abs(statistic)), np.float64)
