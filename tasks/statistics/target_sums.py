"""Sums over random parts of the images of their scores and of numbers, which are called targets here.

A target is a value of a column, or 1 or 0 for an image with or without one of several labels. Shuffled targets are
targets too. Values of a column must be standardized first: sums of squares of large numbers lose what differs between
them.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, Mask
from tasks.statistics.groups import GROUPS
from tasks.statistics.sums import BUDGET, Sums

FOLDS = 5
ROUNDING = 4 * np.finfo(np.float64).eps  # of the largest value: smaller deviations are rounding errors


def parts_kept(rank: int, targets: int) -> int:
    """Number of random parts of which sums are kept within the budget, but at least one a fold."""
    return max(FOLDS, min(GROUPS, BUDGET // (NUMBER * rank * (rank + targets))))


def fold_of(part: Int64) -> Int64:
    """Fold of each part."""
    return part % FOLDS


def standardized(values: Float64) -> Float64:
    """Subtract the mean of values (n,) and divide by their deviation; NaN if they do not differ."""
    if not len(values):
        return values
    scaled = values / (np.abs(values).max() or 1)  # so that no square overflows
    centred = scaled - scaled.mean()
    deviation = np.sqrt((centred**2).mean())
    return centred / deviation if deviation > ROUNDING else np.full(len(values), np.nan)


@dataclass(frozen=True)
class TargetSums(Sums):
    """Sums over the images of each of G random parts.

    Attributes
    ----------
    counts
        Number of images (G,).
    scores, cross
        Sum of scores (G, k) and of their outer products (G, k, k).
    targets, squares
        Sum of targets and of their squares (G, T).
    products
        Sum of products of scores and targets (G, k, T).
    """

    counts: Int64
    scores: Float64
    cross: Float64
    targets: Float64
    squares: Float64
    products: Float64

    @classmethod
    def of(cls, scores: Float64, targets: Float64, part: Int64, parts: int) -> Self:
        """Sum over some images with scores (n, k), targets (n, T) and parts (n,) below `parts`."""
        rank, number = scores.shape[1], targets.shape[1]
        order = np.argsort(part, kind="stable")
        borders = np.searchsorted(part[order], np.arange(parts + 1))
        result = cls(
            np.diff(borders),
            np.zeros((parts, rank)),
            np.zeros((parts, rank, rank)),
            np.zeros((parts, number)),
            np.zeros((parts, number)),
            np.zeros((parts, rank, number)),
        )
        for one, (start, stop) in enumerate(pairwise(borders)):
            own, asked = scores[order[start:stop]], targets[order[start:stop]]
            result.scores[one], result.cross[one] = own.sum(axis=0), own.T @ own
            result.targets[one], result.squares[one] = asked.sum(axis=0), (asked**2).sum(axis=0)
            result.products[one] = own.T @ asked
        return result

    def about(self, chosen: Mask, centre: Float64, means: Float64) -> "Moments":
        """Moments of the images of some parts (G,) about given scores (k,) and targets (T,)."""
        n, scores, targets = int(self.counts[chosen].sum()), self.scores[chosen].sum(0), self.targets[chosen].sum(0)
        cross = self.cross[chosen].sum(0) - np.outer(scores, centre) - np.outer(centre, scores)
        products = self.products[chosen].sum(0) - np.outer(scores, means) - np.outer(centre, targets)
        return Moments(
            n,
            centre,
            means,
            cross + n * np.outer(centre, centre),
            self.squares[chosen].sum(0) - 2 * means * targets + n * means**2,
            products + n * np.outer(centre, means),
        )

    def centred(self, chosen: Mask) -> "Moments":
        """Moments of the images of some parts (G,), at least one image, about their means."""
        n = self.counts[chosen].sum()
        return self.about(chosen, self.scores[chosen].sum(0) / n, self.targets[chosen].sum(0) / n)

    def varying(self) -> "Moments":
        """Moments of all images, at least one, about their means; NaN is the variation of targets that do not vary."""
        found = self.centred(np.ones(len(self.counts), np.bool_))
        varies = found.variation > ROUNDING * self.squares.sum(axis=0)
        return found._replace(variation=np.where(varies, found.variation, np.nan))


class Moments(NamedTuple):
    """Second moments of n images about a point.

    Attributes
    ----------
    images
        Number of images.
    centre, means
        The point: scores (k,) and targets (T,).
    scatter, variation, covariation
        Sums of products of scores (k, k), of squared targets (T,), and of products of scores and targets (k, T).
    """

    images: int
    centre: Float64
    means: Float64
    scatter: Float64
    variation: Float64
    covariation: Float64
