"""Sums over parts of the images of their scores and of numbers, which are called targets here.

A target is a value of a column, or 1 or 0 for an image with or without one of several labels. Shuffled targets are
targets too. Values of a column must be standardized first: sums of squares of large numbers lose what differs between
them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, Mask
from tasks.statistics.groups import FEWEST_GROUPS, GROUPS
from tasks.statistics.sums import BUDGET, Sums

ROUNDING = 1e-12  # variations below this part of a sum of squares are rounding errors


def parts_kept(rank: int, targets: int) -> int:
    """Number of random parts of which sums are kept within the budget; one if they would be too few for a test."""
    fitting = min(GROUPS, BUDGET // (NUMBER * rank * (rank + targets)))
    return fitting if fitting >= FEWEST_GROUPS else 1


def standardized(values: Float64) -> Float64:
    """Subtract the mean of values (n,) and divide by their deviation; NaN if they do not differ."""
    if not len(values):
        return values
    scaled = values / (np.abs(values).max() or 1)  # so that no square overflows
    centred = scaled - scaled.mean()
    deviation = np.sqrt((centred**2).mean())
    return centred / deviation if deviation > 4 * np.finfo(np.float64).eps else np.full(len(values), np.nan)


@dataclass(frozen=True)
class TargetSums(Sums):
    """Sums over the images of each of G parts.

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
        """Moments of the images of some parts (G,), at least one, about their means.

        The variation of targets that do not vary is NaN.
        """
        n = self.counts[chosen].sum()
        found = self.about(chosen, self.scores[chosen].sum(0) / n, self.targets[chosen].sum(0) / n)
        varies = found.variation > ROUNDING * self.squares[chosen].sum(0)
        return found._replace(variation=np.where(varies, found.variation, np.nan))

    def whole(self) -> "Moments":
        """Moments of all images, as `centred`."""
        return self.centred(np.ones(len(self.counts), np.bool_))

    def first(self, number: int) -> Self:
        """Sums of the first targets alone."""
        targets, squares = self.targets[:, :number], self.squares[:, :number]
        return replace(self, targets=targets, squares=squares, products=self.products[..., :number])

    def without_each(self) -> Iterator["Moments"]:
        """Yield the moments of all images without those of each part that holds images, as `centred`."""
        names = [field.name for field in fields(self)]
        totals = [getattr(self, name).sum(axis=0) for name in names]
        for part in np.flatnonzero(self.counts):
            rest = [total - getattr(self, name)[part] for total, name in zip(totals, names, strict=True)]
            yield type(self)(*(np.asarray(one)[None] for one in rest)).whole()


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
