"""Rank statistics and mutual information from sums that add up over shards.

Up to `MOST_SORTED` scores, all are kept and sorted, so ranks are exact. Of more, only a histogram is kept. Its bins
cover all numbers, narrow around zero and wider outwards, and the scores of a bin share their mean rank. From sums of
ranks over classes follow the statistic of Kruskal and Wallis (1952) and the area under the receiver operating
characteristic. Bins are 1/512 of a standard deviation wide at zero and 1/32 at three. docs/algorithms.md has the effect
of binning.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import NUMBER, Float32, Float64, Int64
from tasks.statistics.least import LEAST
from tasks.statistics.sums import BUDGET, Sums

BINS = 1024
MOST_SORTED = 2**20  # scores, of all patterns together: 4 MiB
MOST_COUNTED = 9  # labellings for mutual information: the true one, and shuffled ones
LEVELS = 16  # equally frequent levels of a score for mutual information


def bins(scores: Float64, scale: Float64) -> Int64:
    """Bin of each score (n, k), from the standard deviation of each pattern's scores (k,)."""
    # Map all numbers to (-1, 1), in place.
    places = scores / scale
    outwards = np.abs(places)
    outwards += 1
    places /= outwards
    places += 1
    places *= BINS / 2
    return np.minimum(places, BINS - 1, out=places).astype(np.int64)


@dataclass(frozen=True)
class Distribution:
    """The scores of some images, as they are or in bins.

    Attributes
    ----------
    counts
        Number of images in each bin of each pattern's scores (k, BINS).
    scores
        All scores (k, n), sorted, if they are few enough; otherwise (k, 0).
    """

    counts: Int64
    scores: Float32

    @classmethod
    def of(cls, scores: Float64, scale: Float64, *, keep: bool) -> Self:
        """Describe scores (n, k), with the standard deviation of each pattern's scores (k,), and keep them if asked."""
        rank = scores.shape[1]
        places = bins(scores, scale) + BINS * np.arange(rank)
        counts = np.bincount(places.ravel(), minlength=rank * BINS).reshape(rank, BINS)
        return cls(counts, np.sort(scores.T[:, : len(scores) if keep else 0], axis=1).astype(np.float32))

    def __add__(self, other: Self) -> Self:
        """Describe the scores of two sets of images."""
        scores = np.concatenate([self.scores, other.scores], axis=1)
        return type(self)(self.counts + other.counts, np.sort(scores, axis=1))

    def ranks(self, scores: Float64, scale: Float64) -> Float64:
        """Rank of each score (n, k) among all, from 1; equal scores, or those of a bin, have their mean rank."""
        if self.scores.shape[1]:
            pairs = zip(self.scores.astype(np.float64), scores.T, strict=True)
            sides = [[np.searchsorted(own, column, side) for side in ("left", "right")] for own, column in pairs]
            return np.asarray((np.array(sides).sum(axis=1).T + 1) / 2, np.float64)
        of_bins = np.cumsum(self.counts, axis=1) - (self.counts - 1) / 2
        return of_bins[np.arange(len(of_bins)), bins(scores, scale)]

    def levels(self, ranks: Float64) -> Int64:
        """Level of each rank (n, k), from 0 to LEVELS - 1; all levels have about the same number of images."""
        n = np.maximum(self.counts.sum(axis=1), 1)
        return np.asarray(np.clip(LEVELS * (ranks - 0.5) / n, 0, LEVELS - 1), np.int64)

    def ties(self) -> Float64:
        """Sum of t^3 - t over the sets of t scores with the same rank, for each pattern (k,)."""
        if not self.scores.shape[1]:
            tied = self.counts.astype(np.float64)
            return np.asarray((tied**3 - tied).sum(axis=1), np.float64)
        sizes = [np.unique(own, return_counts=True)[1].astype(np.float64) for own in self.scores]
        return np.array([(size**3 - size).sum() for size in sizes])


def sorted_whole(images: int, rank: int) -> bool:
    """Whether the scores of so many images on so many patterns are few enough to be sorted."""
    return images * rank <= MOST_SORTED


@dataclass(frozen=True)
class LevelCounts(Sums):
    """Number of images of each class at each level of each pattern's scores, by labelling (R, C, k, LEVELS).

    R is 0 if there are too many classes: see `labellings_counted`.
    """

    counts: Int64

    @classmethod
    def of(cls, levels: Int64, labellings: Int64, classes: int) -> Self:
        """Count over some images with levels (n, k) and labellings (R, n)."""
        shape = (classes, levels.shape[1], LEVELS)
        places = levels + LEVELS * np.arange(levels.shape[1])
        size = levels.shape[1] * LEVELS
        counts = [
            np.bincount((places + size * labels[:, None]).ravel(), minlength=classes * size) for labels in labellings
        ]
        return cls(np.array(counts, np.int64).reshape(len(labellings), *shape))


def labellings_counted(classes: int, rank: int, labellings: int) -> int:
    """Number of labellings for which mutual information is computed within the budget.

    If only one fits, the result is 0, since the true labels without a control show nothing.
    """
    fitting = min(labellings, MOST_COUNTED, BUDGET // (NUMBER * classes * rank * LEVELS))
    return fitting if fitting > 1 else 0


def mutual_information(counts: Int64) -> Float64:
    """Mutual information (..., k) of class and score in nats, from counts (..., C, k, LEVELS).

    This is the plug-in estimate minus its bias (C' - 1)(q' - 1) / 2n (Miller, 1955), with the numbers C' and q' of
    classes and levels that occur. If class and score are independent, it may be a little below zero by chance. NaN with
    fewer than `LEAST.information` images a class on average, where that bias is another.
    """
    joint = counts.astype(np.float64)
    n = joint.sum(axis=(-3, -1), keepdims=True)
    of_class, of_level = joint.sum(axis=-1, keepdims=True), joint.sum(axis=-3, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = joint / n * np.log(joint * n / (of_class * of_level))
        plug_in = np.where(joint > 0, terms, 0).sum(axis=(-3, -1))
        classes = (of_class > 0).sum(axis=(-3, -1))
        levels = (of_level > 0).sum(axis=(-3, -1))
        images = n[..., 0, :, 0]
        information = plug_in - (classes - 1) * (levels - 1) / (2 * images)
    return np.where(images >= LEAST.information * classes, information, np.nan)


def kruskal_wallis(counts: Int64, rank_sums: Float64, ties: Float64) -> tuple[Float64, Float64]:
    """Kruskal-Wallis statistic with its correction for ties, and its p-value; both (k,), NaN if undefined.

    Parameters
    ----------
    counts
        Number of images of each class (C,).
    rank_sums
        Sum of ranks of each class (C, k).
    ties
        Ties of the same images' scores (k,), from `Distribution.ties`.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    present = counts > 0
    n, classes = float(counts.sum()), int(present.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = (rank_sums[present] ** 2 / counts[present, None]).sum(axis=0)
        correction = 1 - ties / (n**3 - n)
        statistic = (12 / (n * (n + 1)) * squares - 3 * (n + 1)) / correction
    statistic[(correction <= 0) | (classes < 2)] = np.nan  # noqa: PLR2004
    return statistic, chdtrc(classes - 1, statistic)


def area_under_curve(counts: Int64, rank_sums: Float64) -> Float64:
    """Probability (..., C, k) that an image of a class scores higher than an image of another; a tie counts half.

    Computed from counts (..., C) and sums of ranks (..., C, k). NaN for classes with no images or with all images.
    """
    own = counts[..., None].astype(np.float64)
    others = own.sum(axis=-2, keepdims=True) - own
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Float64 = (rank_sums - own * (own + 1) / 2) / (own * others)
    return np.where(own * others > 0, result, np.nan)
