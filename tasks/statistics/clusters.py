"""Tests of association for images in groups, whose scores depend on one another.

The F test takes every image as independent. Here, the sum of squares between classes is compared with what it would be
without association, estimated from the sums over groups, as cluster-robust variances are (Liang and Zeger, 1986). If
every image is a group of its own, this is the test of Brown and Forsythe (1974). Degrees of freedom match the variance
of both sides (Box, 1954; Satterthwaite, 1946).
"""

from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64
from tasks.statistics.groups import GroupSums


class ClusterTest(NamedTuple):
    """Test of each pattern; arrays (k,), NaN where a class has images of one group only.

    Attributes
    ----------
    statistic
        Sum of squares between classes over its expectation without association.
    p_value
        Its p-value by the distribution F.
    inflation
        That expectation over what it would be for independent images: the design effect.
    """

    statistic: Float64
    p_value: Float64
    inflation: Float64


def cluster_test(groups: GroupSums) -> ClusterTest:
    """Test whether class means differ, from sums over groups of images."""
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    present = groups.counts.sum(axis=0) > 0
    counts, sums = groups.counts[:, present].astype(np.float64), groups.sums[:, present]
    sizes, n = counts.sum(axis=0), counts.sum()
    unknown = np.full(sums.shape[2], np.nan)
    if not len(counts) or len(sizes) < 2:  # noqa: PLR2004
        return ClusterTest(unknown, unknown, unknown)
    means = sums.sum(axis=0) / sizes[:, None]
    grand = sums.sum(axis=(0, 1)) / n
    between = (sizes[:, None] * (means - grand) ** 2).sum(axis=0)
    held = (counts > 0).sum(axis=0)[:, None]  # groups of each class
    with np.errstate(divide="ignore", invalid="ignore"):
        # Residual sums (B, C, k) of each group's images about the mean of their class.
        residuals = (sums - counts[:, :, None] * means) * np.sqrt(held / (held - 1))
        weights = (sizes / n)[:, None]
        away = (residuals - weights * residuals.sum(axis=1, keepdims=True)) / np.sqrt(sizes)[:, None]
        expected = (away**2).sum(axis=(0, 1))
        products = np.einsum("bck,dck->kbd", away, away, optimize=True)
        numerator = expected**2 / (products**2).sum(axis=(1, 2))
        own = (residuals**2).sum(axis=0) / sizes[:, None] * (1 - weights)
        denominator = own.sum(axis=0) ** 2 / (own**2 / (held - 1)).sum(axis=0)
        statistic = between / expected
        total = np.einsum("bkk->k", groups.cross) - n * grand**2
        independent = (total - between) / (n - len(sizes)) * (len(sizes) - 1)
        p_value = np.where(np.isfinite(statistic), fdtrc(numerator, denominator, statistic), np.nan)
        return ClusterTest(statistic, p_value, expected / independent)
