"""95 % intervals by the bootstrap over groups of images (Efron, 1979)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64

SAMPLES = 1000
AT_ONCE = 2**20  # numbers
ENDS = (0.025, 0.975)


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def resampled(groups: int) -> Float64:
    """Draw how often each group is in each sample (1 + SAMPLES, G); the first sample has each group once."""
    drawn = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), SAMPLES)
    return np.concatenate([np.ones((1, groups)), drawn])


def estimates(weights: Float64, statistic: Callable[..., Float64], *groups: Int64) -> Float64:
    """Compute a statistic of sums over all groups with its interval.

    Parameters
    ----------
    weights
        Samples from `resampled` (S, G).
    statistic
        Function of sums over several samples (S', ...), one an array of `groups`, that returns (S', ...).
    groups
        Sums over the images of each group (G, ...).

    Returns
    -------
    Float64
        Value, lower end and upper end (3, ...); ends are NaN if the statistic of any sample is.
    """
    step = max(1, AT_ONCE // max(groups[0][0].size, 1))
    parts = [
        statistic(*(np.tensordot(weights[start : start + step], one, 1) for one in groups))
        for start in range(0, len(weights), step)
    ]
    samples = np.concatenate(parts)
    return np.concatenate([samples[:1], np.quantile(samples[1:], ENDS, axis=0)])
