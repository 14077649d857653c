"""95 % intervals of adjusted learnability and omega squared, by a jackknife over groups of images.

The statistics are computed again without each group in turn, which gives their variance (Shao and Wu, 1989). That
variance belongs to the estimate, but an interval asks which true values are plausible, and under a small true value the
estimate varies less than under a large one. So, as in Wilson's interval of a proportion (1927), the variance at each
end is used: it has the shape that it has for normal scores, scaled to the jackknife's at the estimate. Coverage was
measured by simulation (docs/numbers.md).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import eta_squared, learnabilities, omega_squared
from tasks.statistics.groups import GroupSums
from tasks.statistics.least import LEAST

AT_ONCE = 16  # groups left out, one after the other, in one set of arrays
QUANTILE = 0.975
STEPS = 50  # of the bisection that finds an end
ALMOST_ONE = 1 - 1e-9  # at 1 the variance is 0


class Intervals(NamedTuple):
    """95 % intervals as (low, high), of adjusted learnability (2,) and of each pattern's omega squared (2, k)."""

    learnability: Float64
    eta_squared: Float64


class _Estimates(NamedTuple):
    """Adjusted learnability (R, 1) and omega squared (R, k)."""

    learnability: Float64
    eta_squared: Float64


def intervals(groups: GroupSums) -> Intervals:
    """Compute 95 % intervals, which contain their estimates.

    NaN without groups, with fewer than two classes, if a class has fewer than `LEAST` images, or if all images of a
    class are in one group.
    """
    counts, rank = groups.counts.sum(axis=0), groups.sums.shape[2]
    n, classes = int(counts.sum()), int((counts > 0).sum())
    unknown = Intervals(np.full(2, np.nan), np.full((2, rank), np.nan))
    if classes < 2 or counts[counts > 0].min() < LEAST.interval:  # noqa: PLR2004
        return unknown
    if not counts.all():
        groups = GroupSums(groups.counts[:, counts > 0], groups.sums[:, counts > 0], groups.cross)
    left_out = [_estimates(*part) for part in _left_out(groups)]
    found = _Estimates(*(np.concatenate(parts) for parts in zip(*left_out, strict=True)))
    whole = _estimates(groups.counts.sum(axis=0)[None], groups.sums.sum(axis=0)[None], groups.cross.sum(axis=0)[None])
    return Intervals(
        interval(whole.learnability[0], found.learnability, rank / n, n * (classes - 1), debias=True)[:, 0],
        interval(whole.eta_squared[0], found.eta_squared, (classes - 1) / n, n),
    )


def _left_out(groups: GroupSums) -> Iterator[tuple[Int64, Float64, Float64]]:
    """Yield the sums without each of the groups that hold images, for some groups at a time."""
    held = np.flatnonzero(groups.counts.sum(axis=1))
    totals = groups.counts.sum(axis=0), groups.sums.sum(axis=0), groups.cross.sum(axis=0)
    for some in np.array_split(held, -(-len(held) // AT_ONCE)):
        own = groups.counts[some], groups.sums[some], groups.cross[some]
        counts, sums, cross = (total - part for total, part in zip(totals, own, strict=True))
        yield counts, sums, cross


def _estimates(counts: Int64, sums: Float64, cross: Float64) -> _Estimates:
    """Estimate from several sets of sums (R, C), (R, C, k) and (R, k, k); NaN for a set that lacks a class."""
    n, classes, rank = counts.sum(axis=1)[:, None], counts.shape[1], cross.shape[1]
    squares = np.diagonal(cross, axis1=1, axis2=2)
    every = counts.min(axis=1)[:, None] > 0
    chance = np.where(n > rank + 1, rank / (n - 1), np.nan)
    values = (learnabilities(counts, sums, cross)[:, None] - chance) / (1 - chance)
    shares = omega_squared(eta_squared(counts, sums, squares), n, classes)
    return _Estimates(np.where(every, values, np.nan), np.where(every, shares, np.nan))


def interval(estimate: Float64, replicates: Float64, chance: float, weight: int, *, debias: bool = False) -> Float64:
    """Interval (2, m) of estimates (m,) from the estimates without each of the groups (G, m).

    Parameters
    ----------
    estimate, replicates
        The estimates.
    chance
        Expectation of the estimated value before its adjustment, without association.
    weight
        Number that the variance is inversely proportional to.
    debias
        Whether to center the interval on the jackknife's estimate, which has less bias. Adjusted learnability lacks
        what chance adds without association, but a strong association leaves less room for chance.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import, and workers do not need it

    held = len(replicates)
    mean = replicates.mean(axis=0)
    centre = estimate - (held - 1) * (mean - estimate) if debias else estimate

    def shape(value: Float64) -> Float64:
        return (1 - value) ** 2 * (4 * value + 2 * chance) / weight

    inside = np.clip(centre, 0, ALMOST_ONE)
    by_chance = (1 - inside) ** 2 * 2 * chance / weight
    found = np.maximum((held - 1) / held * ((replicates - mean) ** 2).sum(axis=0), by_chance)
    width = stdtrit(held - 1, QUANTILE) * np.sqrt(found / shape(inside))
    low, high = (_end(centre, sign * width, shape) for sign in (-1, 1))
    return np.stack([np.minimum(low, estimate), np.clip(high, estimate, 1)])


def _end(centre: Float64, width: Float64, shape: Callable[[Float64], Float64]) -> Float64:
    """Find the value that is `width` standard deviations of its own from the center; arrays (m,)."""
    widest = np.abs(width) * np.sqrt(shape(np.zeros(1)) + shape(np.full(1, 1 / 3)))
    near, far = centre.copy(), np.where(width < 0, centre - widest, np.maximum(centre, 1))
    for _ in range(STEPS):
        middle = (near + far) / 2
        within = np.abs(middle - centre) < np.abs(width) * np.sqrt(shape(np.clip(middle, 0, 1)))
        near, far = np.where(within, middle, near), np.where(within, far, middle)
    return far
