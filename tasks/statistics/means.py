"""Tests whether the means of classes differ that hold their level where spreads differ too.

The F test takes a difference in spread for one in means: with one small class of three times the spread, it finds
patterns in almost every dataset. The tests here estimate the variance of each class on its own. Classes with fewer than
`LEAST.means` images are left out.
"""

from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.least import LEAST, least_for_welch


class MeansTest(NamedTuple):
    """Statistic and p-value of each test, in the same shape; NaN where there is no test."""

    statistic: Float64
    p_value: Float64


class _Classes(NamedTuple):
    """Number of images (C, 1), mean (C, k) and variance (C, k) of each class."""

    counts: Float64
    means: Float64
    variances: Float64


def _classes(counts: Int64, sums: Float64, squares: Float64) -> _Classes:
    """Moments of the classes with enough images, from counts (C,), sums and sums of squares of scores (C, k)."""
    tested = counts >= LEAST.means
    n = counts[tested, None].astype(np.float64)
    means = sums[tested] / n
    return _Classes(n, means, np.maximum(squares[tested] - n * means**2, 0) / (n - 1))


def brown_forsythe(counts: Int64, sums: Float64, squares: Float64) -> MeansTest:
    """Test the means of each pattern's scores (k,) by Brown and Forsythe (1974), with Mehrotra's degrees of freedom.

    The statistic is sum n_c (m_c - m)^2 / sum (1 - n_c/n) s_c^2. Both degrees of freedom follow from the variances
    s_c^2 (Mehrotra, 1997). If no class varies, the statistic is NaN, and the p-value is 0 where means differ.

    Parameters
    ----------
    counts
        Number of images of each class (C,).
    sums, squares
        Sum of scores and of squared scores of each class (C, k).
    """
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    n, means, variances = _classes(counts, sums, squares)
    if len(n) < 2:  # noqa: PLR2004
        return _unknown(sums.shape[1])
    parts = n / n.sum()
    weighed = (1 - parts) * variances
    within = weighed.sum(axis=0)
    between = (n * (means - (parts * means).sum(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = between / within
        above = within**2 / (
            (variances**2).sum(axis=0) + (parts * variances).sum(axis=0) ** 2 - 2 * (parts * variances**2).sum(axis=0)
        )
        below = within**2 / (weighed**2 / (n - 1)).sum(axis=0)
    certain = (within == 0) & (between > 0)
    return MeansTest(np.where(certain, np.nan, statistic), np.where(certain, 0, fdtrc(above, below, statistic)))


def welch(counts: Int64, sums: Float64, squares: Float64) -> MeansTest:
    """Test the means of each pattern's scores (k,) by Welch (1951); parameters as for `brown_forsythe`.

    NaN where a class does not vary, and where classes are too small for their number (`least_for_welch`).
    """
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    n, means, variances = _classes(counts, sums, squares)
    classes = len(n)
    if classes < 2 or n.min() < least_for_welch(classes):  # noqa: PLR2004
        return _unknown(sums.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = n / variances
        shares = weights / weights.sum(axis=0)
        between = (weights * (means - (shares * means).sum(axis=0)) ** 2).sum(axis=0) / (classes - 1)
        doubt = ((1 - shares) ** 2 / (n - 1)).sum(axis=0) / (classes**2 - 1)
        statistic = between / (1 + 2 * (classes - 2) * doubt)
        return MeansTest(statistic, fdtrc(classes - 1, 1 / (3 * doubt), statistic))


def welch_t(counts: Int64, sums: Float64, squares: Float64) -> MeansTest:
    """Test each class's mean against the mean of all other images by Welch's t test (1947), on each pattern (C, k).

    Two-sided. NaN where the class or the others have fewer than `LEAST.means` images, or where neither varies.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import, and workers do not need it

    own, others = counts[:, None].astype(np.float64), (counts.sum() - counts)[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        (mean, error), (rest, rest_error) = (
            _mean_and_error(n, totals, totals_of_squares)
            for n, totals, totals_of_squares in (
                (own, sums, squares),
                (others, sums.sum(axis=0) - sums, squares.sum(axis=0) - squares),
            )
        )
        statistic = (mean - rest) / np.sqrt(error + rest_error)
        freedom = (error + rest_error) ** 2 / (error**2 / (own - 1) + rest_error**2 / (others - 1))
    tested = (np.minimum(own, others) >= LEAST.means) & np.isfinite(statistic)
    statistic = np.where(tested, statistic, np.nan)
    return MeansTest(statistic, 2 * stdtr(freedom, -np.abs(statistic)))


def _mean_and_error(n: Float64, sums: Float64, squares: Float64) -> tuple[Float64, Float64]:
    """Mean, and its squared standard error."""
    mean = sums / n
    return mean, np.maximum(squares - n * mean**2, 0) / (n - 1) / n


def spread_ratio(counts: Int64, sums: Float64, squares: Float64) -> Float64:
    """Largest over smallest standard deviation of a class on each pattern (k,); parameters as for `brown_forsythe`.

    NaN with fewer than two classes that have enough images, and where a class does not vary.
    """
    variances = _classes(counts, sums, squares).variances
    if len(variances) < 2:  # noqa: PLR2004
        return _unknown(sums.shape[1]).statistic
    least = variances.min(axis=0)
    ratio: Float64 = np.sqrt(np.divide(variances.max(axis=0), least, where=least > 0, out=np.full_like(least, np.nan)))
    return ratio


def _unknown(rank: int) -> MeansTest:
    return MeansTest(np.full(rank, np.nan), np.full(rank, np.nan))
