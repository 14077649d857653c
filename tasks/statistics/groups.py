"""Sums over random groups of images, which intervals are computed from.

Each image belongs to one of a few hundred groups, by a hash of its unit (`tasks.statistics.units`). Since the groups
are random, each is a small sample of the units.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, UInt64
from tasks.statistics.relabelling import uniform
from tasks.statistics.sums import BUDGET, Sums, grouped

GROUPS = 256
FEWEST_GROUPS = 32  # with fewer, the interval itself is unreliable


def groups_kept(classes: int, rank: int) -> int:
    """Number of groups within the budget; 0 if they would be too few."""
    fitting = min(GROUPS, BUDGET // (NUMBER * rank * (classes + rank)))
    return fitting if fitting >= FEWEST_GROUPS else 0


def group_of(ids: UInt64, seed: int, groups: int) -> Int64:
    """Group of each image (n,), from the id of its unit."""
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
