"""Bootstrap intervals, from sums over groups of images.

Each image belongs to one of a few hundred groups, by a hash of its id. A replicate weights each group by a Poisson
variable of mean 1 (the Poisson bootstrap for data streams: Chamandy et al., 2012, here with random groups as its
units). Since the groups are random, they represent the images, and a replicate costs a sum over groups instead of a
pass over the data.

Learnability and eta squared are biased upwards by chance, and a replicate adds the same bias once more. The basic
interval of Davison and Hinkley (1997, section 5.2), [2 t - q(0.975), 2 t - q(0.025)], removes the bias: it covers the
value for infinitely many images, which adjusted learnability and omega squared estimate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, UInt64
from tasks.statistics.association import eta_squared, learnability
from tasks.statistics.relabelling import uniform
from tasks.statistics.sums import BUDGET, Sums, grouped

GROUPS = 256
FEWEST_GROUPS = 32  # with fewer, the interval itself is unreliable
REPLICATES = 400
AT_ONCE = 16  # replicates summed in one reading of the groups
TAIL = 2.5  # percent on each side of an interval


def groups_kept(classes: int, rank: int) -> int:
    """Number of groups within the budget; 0 if they would be too few."""
    fitting = min(GROUPS, BUDGET // (NUMBER * rank * (classes + rank)))
    return fitting if fitting >= FEWEST_GROUPS else 0


def group_of(ids: UInt64, seed: int, groups: int) -> Int64:
    """Group of each image (n,), from its id."""
    return (uniform(ids, seed, "group") * groups).astype(np.int64)


@dataclass(frozen=True)
class GroupSums(Sums):
    """Sums over the images of each group.

    Attributes
    ----------
    counts
        Number of images of each class (G, C).
    sums
        Sum of scores of each class (G, C, k).
    cross
        Sum of outer products of scores (G, k, k).
    """

    counts: Int64
    sums: Float64
    cross: Float64

    @classmethod
    def of(cls, scores: Float64, labels: Int64, groups: Int64, shape: tuple[int, int]) -> Self:
        """Sum over some images with scores (n, k), labels (n,) and groups (n,); `shape` is (G, C)."""
        rank = scores.shape[1]
        if not shape[0]:
            return cls(np.zeros(shape, np.int64), np.zeros((*shape, rank)), np.zeros((0, rank, rank)))
        counts, sums = grouped(scores, groups * shape[1] + labels, shape[0] * shape[1])
        cross = np.zeros((shape[0], rank, rank))
        order = np.argsort(groups, kind="stable")
        borders = np.searchsorted(groups[order], np.arange(shape[0] + 1))
        for group, (start, stop) in enumerate(pairwise(borders)):
            rows = scores[order[start:stop]]
            cross[group] = rows.T @ rows
        return cls(counts.reshape(shape), sums.reshape(*shape, rank), cross)


class Intervals(NamedTuple):
    """95 % intervals as (low, high), of learnability (2,) and of each pattern's eta squared (2, k)."""

    learnability: Float64
    eta_squared: Float64


def intervals(groups: GroupSums, seed: int) -> Intervals:
    """Compute basic bootstrap intervals within [0, 1]; NaN without groups, or where a replicate has no value."""
    rank = groups.sums.shape[2]
    if not len(groups.counts):
        return Intervals(np.full(2, np.nan), np.full((2, rank), np.nan))
    (value,) = _replicates(groups, np.ones((1, len(groups.counts))))
    random = np.random.Generator(np.random.Philox(key=seed))
    drawn = list(_replicates(groups, random.poisson(1.0, (REPLICATES, len(groups.counts))).astype(np.float64)))
    return Intervals(
        _basic(value.learnability, np.array([one.learnability for one in drawn])),
        _basic(value.eta_squared, np.array([one.eta_squared for one in drawn])),
    )


class _Replicate(NamedTuple):
    learnability: float
    eta_squared: Float64


def _replicates(groups: GroupSums, weights: Float64) -> Iterator[_Replicate]:
    """Yield the statistics of groups weighted by each row of `weights` (replicates, G)."""
    for some in np.array_split(weights, -(-len(weights) // AT_ONCE)):
        weighted = (np.tensordot(some, sums, 1) for sums in (groups.counts, groups.sums, groups.cross))
        for counts, sums, cross in zip(*weighted, strict=True):
            whole = np.rint(counts).astype(np.int64)
            if whole.sum() < 2:  # noqa: PLR2004
                yield _Replicate(np.nan, np.full(len(cross), np.nan))
            else:
                yield _Replicate(learnability(whole, sums, cross), eta_squared(whole, sums, np.diagonal(cross)))


def _basic(value: float | Float64, replicates: Float64) -> Float64:
    low, high = np.percentile(replicates, (TAIL, 100 - TAIL), axis=0)
    interval: Float64 = np.clip(np.stack([2 * value - high, 2 * value - low]), 0, 1)
    return interval
