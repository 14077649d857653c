"""Rank statistics and mutual information from histograms, which add up over shards and need no sorting of all images.

Scores are sorted into bins that cover all numbers, narrow around zero and wider outwards. The histogram of all images
determines the rank of a bin, which is the mean rank of its scores. From sums of ranks over classes follow the statistic
of Kruskal and Wallis (1952) and the area under the receiver operating characteristic, exact for the binned scores. Bins
are 1/512 of a standard deviation wide at zero and 1/32 at three, so the effect of binning is far below sampling error.
"""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from tasks.dtypes import NUMBER, Float64, Int64
from tasks.statistics.sums import BUDGET, Sums

N = TypeVar("N", np.float64, np.int64)

BINS = 1024
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
class Histogram(Sums):
    """Number of images in each bin of each pattern's scores (k, BINS)."""

    counts: Int64

    @classmethod
    def of(cls, binned: Int64) -> Self:
        """Count the bins of some images (n, k)."""
        rank = binned.shape[1]
        places = binned + BINS * np.arange(rank)
        return cls(np.bincount(places.ravel(), minlength=rank * BINS).reshape(rank, BINS))

    def ranks(self) -> Float64:
        """Mean rank, from 1 to n, of the scores in each bin (k, BINS)."""
        return np.cumsum(self.counts, axis=1) - (self.counts - 1) / 2

    def levels(self) -> Int64:
        """Level of each bin (k, BINS), from 0 to LEVELS - 1; all levels have about the same number of images."""
        n = self.counts.sum(axis=1, keepdims=True)
        levels = LEVELS * (self.ranks() - 0.5) / np.maximum(n, 1)
        return np.asarray(np.clip(levels, 0, LEVELS - 1), np.int64)


def looked_up(table: npt.NDArray[N], binned: Int64) -> npt.NDArray[N]:
    """Look up the entry of each score's bin (n, k) in a table (k, BINS); returns (n, k)."""
    return table[np.arange(binned.shape[1]), binned]


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
    classes and levels that occur. If class and score are independent, it may be a little below zero by chance.
    """
    joint = counts.astype(np.float64)
    n = joint.sum(axis=(-3, -1), keepdims=True)
    of_class, of_level = joint.sum(axis=-1, keepdims=True), joint.sum(axis=-3, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = joint / n * np.log(joint * n / (of_class * of_level))
        plug_in = np.where(joint > 0, terms, 0).sum(axis=(-3, -1))
        classes = (of_class > 0).sum(axis=(-3, -1))
        levels = (of_level > 0).sum(axis=(-3, -1))
        result: Float64 = plug_in - (classes - 1) * (levels - 1) / (2 * n[..., 0, :, 0])
    return result


def kruskal_wallis(counts: Int64, rank_sums: Float64, histogram: Histogram) -> tuple[Float64, Float64]:
    """Kruskal-Wallis statistic with its correction for ties, and its p-value; both (k,), NaN if undefined.

    Parameters
    ----------
    counts
        Number of images of each class (C,).
    rank_sums
        Sum of ranks of each class (C, k).
    histogram
        Histogram of the same images.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    present = counts > 0
    n, classes = float(counts.sum()), int(present.sum())
    tied = histogram.counts.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = (rank_sums[present] ** 2 / counts[present, None]).sum(axis=0)
        correction = 1 - (tied**3 - tied).sum(axis=1) / (n**3 - n)
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
