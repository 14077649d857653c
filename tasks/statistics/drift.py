"""Differences between two datasets: of their pattern spaces, their scores on the same patterns, their association."""

from collections.abc import Callable, Iterable

import numpy as np

from tasks.dtypes import Float32, Float64, Int64
from tasks.statistics.quantiles import quantiles

BINS = 10
LEAST_SHARE = 1e-4  # fraction of the images that an empty bin counts as, so that the index stays finite
Z95 = 1.959963984540054  # two-sided 95 % of a normal distribution


def principal_angles(first: Float64, second: Float64) -> Float64:
    """Angles between two pattern spaces in degrees, smallest first; all 0 if one space contains the other.

    Small angles are computed from sines, large ones from cosines, so that both are exact (Björck and Golub 1973;
    Knyazev and Argentati 2002).

    Parameters
    ----------
    first, second
        Orthonormal patterns as rows (k, p) and (l, p).

    Returns
    -------
    Float64
        Angles (min(k, l),).
    """
    if len(first) > len(second):
        first, second = second, first
    inner = first @ second.T
    cosines = np.linalg.svd(inner, compute_uv=False).clip(0, 1)
    sines = np.linalg.svd(first - inner @ second, compute_uv=False)[::-1].clip(0, 1)[: len(cosines)]
    angles: Float64 = np.degrees(np.where(cosines**2 < 0.5, np.arccos(cosines), np.arcsin(sines)))  # noqa: PLR2004
    return angles


def decile_edges(scores: Callable[[], Iterable[Float32]]) -> Float64:
    """Inner edges (9, k) of bins with a tenth of the scores each; each call of `scores` returns all blocks (n_i, k)."""
    return quantiles(scores, BINS).astype(np.float64)


def bin_counts(scores: Float64, edges: Float64) -> Int64:
    """Count the scores (n, k) in each bin between edges (b - 1, k); returns (b, k)."""
    return np.stack(
        [
            np.bincount(np.searchsorted(inner, column, side="right"), minlength=len(edges) + 1)
            for inner, column in zip(edges.T, scores.T, strict=True)
        ],
        axis=1,
    )


def population_stability(before: Int64, after: Int64) -> Float64:
    """Population stability index of each pattern (k,) from counts in the same bins (b, k).

    It is the sum over bins of (q - p) ln(q / p) with the fractions p and q of the images: the symmetric
    Kullback-Leibler divergence (Jeffreys 1946). By convention, below 0.1 is little change and above 0.25 much.
    """
    p, q = (np.maximum(counts / counts.sum(axis=0), LEAST_SHARE) for counts in (before, after))
    index: Float64 = ((q - p) * np.log(q / p)).sum(axis=0)
    return index


def eta_interval(eta_squared: Float64, n: int) -> tuple[Float64, Float64]:
    """Ends of the 95 % interval of eta squared from n images, by its large-sample variance 4 e (1 - e)^2 / n.

    The formula is that of Olkin and Finn (1995) for a squared correlation.
    """
    half = Z95 * np.sqrt(4 * eta_squared * (1 - eta_squared) ** 2 / n)
    return np.maximum(eta_squared - half, 0), np.minimum(eta_squared + half, 1)


def interval_of_change(
    before: tuple[Float64, Float64, Float64], after: tuple[Float64, Float64, Float64]
) -> tuple[Float64, Float64]:
    """Ends of the interval of a change, from two estimates with the ends of their intervals.

    The method is MOVER (Zou and Donner 2008) for independent estimates. If both used the same images, the interval is
    too wide.
    """
    (a, a_low, a_high), (b, b_low, b_high) = before, after
    change = b - a
    return change - np.hypot(b - b_low, a_high - a), change + np.hypot(b_high - b, a - a_low)
