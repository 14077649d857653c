"""What the stages of a run hand to each other: sums over shards, in the order of the stages."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from storage.errors import EigenwaveError
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.association import ClassSums
from tasks.statistics.bootstrap import GroupSums
from tasks.statistics.classifiers import Quadratic, Ridge
from tasks.statistics.exemplars import Exemplars
from tasks.statistics.ranks import Histogram, LevelCounts
from tasks.statistics.scatter import HELD_OUT, ClassScatter
from tasks.statistics.sums import LabelSums, Sums
from tasks.svd.products import Moments


def require_all(shards: int, expected: int, done: str) -> None:
    """Refuse a sum over shards that some of them are missing from; `done` is what should have become of them.

    Raises
    ------
    EigenwaveError
        If there are fewer or more shards than expected.
    """
    if shards != expected:
        raise EigenwaveError(f"Only {shards} of {expected} shards were {done}; run again.")


@dataclass(frozen=True)
class FirstPass:
    """What the first pass takes from shards: how many, the moments of their fitted rows, their share for the solver."""

    shards: int
    moments: Moments
    share: Float64

    def __add__(self, other: Self) -> Self:
        """Both sets of shards together."""
        return type(self)(self.shards + other.shards, self.moments + other.moments, self.share + other.share)


@dataclass(frozen=True)
class Energy(Sums):
    """How much of images patterns hold: how many images, their energy about the mean, sum of squared scores (k,)."""

    images: int
    total: float
    squares: Float64

    @classmethod
    def of(cls, rows: Float32, used: Mask, scores: Float32, mean: Float64) -> Self:
        """Energy of the used rows (n, p), with scores (n, k) and the mean row (p,)."""
        moments = Moments.of(rows, used)
        total = moments.square_sum - 2 * float(moments.column_sum @ mean) + moments.rows * float(mean @ mean)
        return cls(moments.rows, total, (scores[used].astype(np.float64) ** 2).sum(axis=0))


@dataclass(frozen=True)
class Projection(Sums):
    """What projecting takes from shards.

    Attributes
    ----------
    shards
        How many.
    squares
        Sum of squared scores of the fitted images (k,).
    product
        Share of G V (p, k), V the patterns: it shows how exact they are.
    colours
        Sums over the mean colours of the fitted images.
    held_out
        Energy of the images that are held out.
    """

    shards: int
    squares: Float64
    product: Float64
    colours: ClassSums
    held_out: Energy


@dataclass(frozen=True)
class Projected:
    """What is kept of the projections of all shards: `residuals` of the patterns (k,), the rest as there."""

    residuals: Float64
    squares: Float64
    colours: ClassSums
    held_out: Energy


@dataclass(frozen=True)
class Summary(Sums):
    """What scores give, shard by shard.

    Attributes
    ----------
    shards
        How many.
    sums, noisy, groups, histogram
        Over the images that patterns are fitted on; `noisy` under labels of which a part is replaced.
    scatter
        Over all images, in parts.
    exemplars
        Of all images.
    """

    shards: int
    sums: ClassSums
    noisy: LabelSums
    groups: GroupSums
    histogram: Histogram
    scatter: ClassScatter
    exemplars: Exemplars


@dataclass(frozen=True)
class Judges:
    """What images are judged by.

    Attributes
    ----------
    histogram
        Of the fitted images' scores.
    quadratic_0, quadratic_1, quadratic_2
        Fitted without the part of that number, which they judge.
    ridge
        Fitted without the images that are held out.
    shuffled_quadratic, shuffled_ridge
        Likewise, under one permutation of the labels.
    """

    histogram: Histogram
    quadratic_0: Quadratic
    quadratic_1: Quadratic
    quadratic_2: Quadratic
    ridge: Ridge
    shuffled_quadratic: Quadratic
    shuffled_ridge: Ridge

    @classmethod
    def of(cls, histogram: Histogram, scatter: ClassScatter, *, other_split: bool) -> "Judges":
        """Fit from sums; halves learn from the images that are held out only if patterns are fitted on those too."""
        further = [] if other_split else [HELD_OUT]
        learned = list(range(HELD_OUT))
        return cls(
            histogram,
            Quadratic.of(scatter.take(0, [1, *further])),
            Quadratic.of(scatter.take(0, [0, *further])),
            Quadratic.of(scatter.take(0, learned)),
            Ridge.of(scatter.take(0, learned)),
            Quadratic.of(scatter.take(1, learned)),
            Ridge.of(scatter.take(1, learned)),
        )


@dataclass(frozen=True)
class Verdicts(Sums):
    """What judged images add up to.

    Attributes
    ----------
    shards
        How many.
    ranks
        Sums of ranks over the fitted images, under the true labels and then all permutations.
    levels
        Levels of the scores of the fitted images, likewise as far as they are counted.
    judged
        Images held out.
    ridge, quadratic
        Those among them that are classified rightly: by the true labels and by shuffled ones (2,).
    """

    shards: int
    ranks: LabelSums
    levels: LevelCounts
    judged: int
    ridge: Int64
    quadratic: Int64
