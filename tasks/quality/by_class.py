"""Whether images of a kind are spread over the classes as all images are."""

from typing import NamedTuple

import numpy as np
from scipy.special import bdtrc

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import q_values


class ByClass(NamedTuple):
    """Images of each kind and class: counts expected by chance, the test of each, and the association of each kind.

    Attributes
    ----------
    expected
        Number of images of a kind in a class (K, C) if kind and class are independent.
    p_value
        Probability of at least the found number then (K, C), by the binomial distribution; NaN for a kind without
        images, or a class without.
    q_value
        p_value adjusted by Benjamini and Hochberg over all kinds and classes (K, C).
    cramers_v
        Association of each kind with the class (K,): 0 if there is none, 1 if a kind is exactly some classes. NaN for a
        kind of no or all images.
    """

    expected: Float64
    p_value: Float64
    q_value: Float64
    cramers_v: Float64

    @classmethod
    def of(cls, counts: Int64, images: Int64) -> "ByClass":
        """Compute them from the number of images of each kind and class (K, C), and of all in each class (C,)."""
        found, total = counts.sum(axis=1), int(images.sum())
        expected = found[:, None] * images / max(total, 1)
        known = (found[:, None] > 0) & (images > 0)
        p_value = np.full(counts.shape, np.nan)
        p_value[known] = bdtrc(counts - 1, found[:, None], images / max(total, 1))[known]
        return cls(expected, p_value, q_values(p_value), cramers_v(counts, images))


def cramers_v(counts: Int64, images: Int64) -> Float64:
    """Cramer's V (K,) of each kind against the class, from counts (K, C) and the images of each class (C,)."""
    total, there = images.sum(), images > 0
    share = counts.sum(axis=1) / max(int(total), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = (counts - share[:, None] * images)[:, there] ** 2 / images[there]
        v: Float64 = np.sqrt(away.sum(axis=1) / (share * (1 - share) * total))
    v[~np.isfinite(v)] = np.nan
    return v
