"""The results that stages of a run pass on: sums over shards, in the order of the stages."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from storage.errors import EigenwaveError
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.association import ClassSums
from tasks.statistics.exemplars import Exemplars
from tasks.statistics.groups import GroupSums
from tasks.statistics.held_out import Classifiers
from tasks.statistics.label_judge import Sample
from tasks.statistics.ranks import Distribution, LevelCounts
from tasks.statistics.scales import ScaleSums
from tasks.statistics.scatter import ClassScatter
from tasks.statistics.sums import LabelSums, Sums
from tasks.svd.products import Moments


def require_all(shards: int, expected: int, done: str) -> None:
    """Refuse a sum that lacks shards.

    Parameters
    ----------
    shards, expected
        Number of shards in the sum, and number that it should have.
    done
        Participle for the message, such as "transformed".

    Raises
    ------
    EigenwaveError
        If the two numbers differ.
    """
    if shards != expected:
        raise EigenwaveError(f"Only {shards} of {expected} shards were {done}; run again.")


@dataclass(frozen=True)
class FirstPass:
    """Sums of the first pass.

    Attributes
    ----------
    shards
        Number of shards.
    moments, share, scales
        Moments of their fitted rows about the guessed mean, the solver's share, and that of the scales.
    notes
        Number of harmless oddities of the image files that were decoded, by kind.
    """

    shards: int
    moments: Moments
    share: Float64
    scales: Float64
    notes: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Self) -> Self:
        """Add the sums of two sets of shards."""
        shards, notes = self.shards + other.shards, self.notes + other.notes
        scales = self.scales + other.scales
        return type(self)(shards, self.moments + other.moments, self.share + other.share, scales, notes)


@dataclass(frozen=True)
class Energy(Sums):
    """Number of images, their energy about the mean, and the sum of their squared scores (k,)."""

    images: int
    total: float
    squares: Float64

    @classmethod
    def of(cls, rows: Float32, used: Mask, scores: Float32, mean: Float64) -> Self:
        """Compute the energy of the used rows (n, p), with scores (n, k) and the mean row (p,)."""
        moments = Moments.of(rows, used, mean)
        squares = (scores[used].astype(np.float64) ** 2).sum(axis=0)
        return cls(moments.rows, float(moments.column_squares.sum()), squares)


@dataclass(frozen=True)
class ScaleShare(Sums):
    """Sums over scores on the patterns V of scales, and the share in G V (p', k) of those that have a block."""

    sums: ScaleSums
    images: Float64


@dataclass(frozen=True)
class Projection(Sums):
    """Sums of the projection pass.

    Attributes
    ----------
    shards
        Number of shards.
    squares
        Sum of squared scores of the fitted images (k,).
    product
        Share of G B (p, l) for the block B that is multiplied, from which residuals follow.
    colours
        Sums over the mean colors of the fitted images.
    held_out
        Energy of the held-out images.
    scales
        Sums over the fitted images for each scale.
    """

    shards: int
    squares: Float64
    product: Float64
    colours: ClassSums
    held_out: Energy
    scales: ScaleShare


@dataclass(frozen=True)
class Projected:
    """Saved results of the projection pass: `residuals` of the patterns (k,), the rest as in `Projection`."""

    residuals: Float64
    squares: Float64
    colours: ClassSums
    held_out: Energy


@dataclass(frozen=True)
class Summary(Sums):
    """Sums over the scores.

    Attributes
    ----------
    shards
        Number of shards.
    sums, noisy, groups, distribution
        Sums over the fitted images; `noisy` uses labels of which a part is replaced.
    scatter
        Moments of all images, in parts.
    exemplars
        Exemplars among all images.
    judging, sample
        Moments of all images, in parts, and some of the images, by the scores that labels are judged by.
    judging_control
        Sums of these scores over the images that are not held out, under one permutation of the labels.
    """

    shards: int
    sums: ClassSums
    noisy: LabelSums
    groups: GroupSums
    distribution: Distribution
    scatter: ClassScatter
    exemplars: Exemplars
    judging: ClassScatter
    sample: Sample
    judging_control: LabelSums


@dataclass(frozen=True)
class Judges(Classifiers):
    """The classifiers that measure how well patterns predict classes, and the distribution of scores.

    Attributes
    ----------
    distribution
        Distribution of the fitted images' scores.
    deviations
        Deviation of the scores that labels are judged by, over the counted images that have one (k,).
    """

    distribution: Distribution
    deviations: Float64


@dataclass(frozen=True)
class HeldOutJudgement(Sums):
    """How well judges of labels predict the classes of held-out images, by `tasks.statistics.label_judge.METHODS`.

    Attributes
    ----------
    right
        Number of images whose class is the likeliest one (3,).
    loss
        Sum of -log p(class) over the images of classes that something was learned about (3,).
    known
        Number of these images.
    clean_right
        As `right`, without images that are copies of those learned from (3,).
    """

    right: Int64
    loss: Float64
    known: int
    clean_right: Int64


@dataclass(frozen=True)
class Verdicts(Sums):
    """Sums over the judged images.

    Attributes
    ----------
    shards
        Number of shards.
    ranks
        Sums of ranks over the fitted images, under the true labels and then all permutations.
    levels
        Counts of the levels of the fitted images' scores, under the first of these labellings.
    judged
        Number of held-out images.
    right
        Number of held-out images of each class that ridge regression and the quadratic classifier classify correctly,
        each under the true and under shuffled labels (2, 2, C).
    clean_judged
        Number of held-out images that are no copies, exact or near, of images learned from.
    clean_right
        Number of these that both classifiers classify correctly, under the true labels (2,).
    labels
        The same of the judges of labels.
    """

    shards: int
    ranks: LabelSums
    levels: LevelCounts
    judged: int
    right: Int64
    clean_judged: int
    clean_right: Int64
    labels: HeldOutJudgement
