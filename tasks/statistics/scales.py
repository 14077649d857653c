"""Sums over the scores of each scale, and the statistics computed from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import adjusted, cap, expected_null, learnability
from tasks.statistics.sums import LabelSums, Sums


@dataclass(frozen=True)
class ScaleSums(Sums):
    """Sums over the scores on the patterns of scales.

    Attributes
    ----------
    labels
        Sums of the scores of each class under the true labels, then under shuffled ones, with all scales side by side.
    cross
        Sum of outer products of the scores of each scale (scales, k, k).
    squares
        Sum of squared scores on each pattern of each scale (scales, k), also of images that do not count.
    """

    labels: LabelSums
    cross: Float64
    squares: Float64

    @classmethod
    def of(cls, scores: Sequence[Float64], squares: Float64, labellings: Int64, classes: int) -> "ScaleSums":
        """Sum over images.

        Parameters
        ----------
        scores
            For each scale, the scores of the images on its patterns (n, k).
        squares
            Sums of squared scores (scales, k), which other images may have a part in.
        labellings
            True labels of the images, then shuffled ones (1 + R, n).
        classes
            Number of classes.
        """
        side_by_side = np.concatenate([np.empty((labellings.shape[1], 0)), *scores], axis=1)
        rank = squares.shape[1]
        return cls(
            labels=LabelSums.of(side_by_side, labellings, classes),
            cross=np.array([values.T @ values for values in scores]).reshape(len(scores), rank, rank),
            squares=squares,
        )


@dataclass(frozen=True)
class ScaleResults:
    """Saved results of the scales.

    Attributes
    ----------
    sums
        Sums over the images.
    energy
        Energy about the mean of each scale (scales,).
    residuals
        Largest residual of the patterns of each scale (scales,), NaN if it has none.
    """

    sums: ScaleSums
    energy: Float64
    residuals: Float64


@dataclass(frozen=True)
class ScaleStatistics:
    """Statistics of one scale; learnability is NaN if it has no patterns.

    Attributes
    ----------
    patterns
        Number of patterns.
    energy, captured
        Energy of the scale, and the fraction of it that the patterns hold.
    learnability, adjusted, cap, expected
        Learnability, learnability beyond its expectation, its largest possible value, and expected learnability without
        association.
    shuffled
        Learnability under each permutation of the labels (R,).
    residual
        Largest residual of the patterns.
    """

    patterns: int
    energy: float
    captured: float
    learnability: float
    adjusted: float
    cap: float
    expected: float
    shuffled: Float64
    residual: float


def statistics(results: ScaleResults, *, grouped: bool) -> list[ScaleStatistics]:
    """Compute the statistics of every scale, in the order of the families.

    If images are grouped, they are not independent, and the mean of the shuffles is what to expect without association.
    """
    return [_statistics(results, position, grouped=grouped) for position in range(len(results.energy))]


def _statistics(results: ScaleResults, position: int, *, grouped: bool) -> ScaleStatistics:
    sums, energy = results.sums, float(results.energy[position])
    squares = np.diagonal(sums.cross[position])
    count, rank = int(np.count_nonzero(squares)), len(squares)
    cross = sums.cross[position, :count, :count]
    own = slice(position * rank, position * rank + count)
    true, *shuffled = (
        learnability(counts, totals[:, own], cross)
        for counts, totals in zip(sums.labels.counts, sums.labels.sums, strict=True)
    )
    null = float(np.mean(shuffled)) if grouped else expected_null(count, int(sums.labels.counts[0].sum()))
    return ScaleStatistics(
        patterns=count,
        energy=energy,
        captured=float(sums.squares[position].sum()) / energy if count else float("nan"),
        learnability=true,
        adjusted=adjusted(true, null),
        cap=cap(count, int((sums.labels.counts[0] > 0).sum())),
        expected=null,
        shuffled=np.array(shuffled),
        residual=float(results.residuals[position]),
    )
