"""Sums over the scores of each scale, and the statistics computed from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.association import adjusted, cap, expected_null, learnability
from tasks.statistics.sums import LabelSums, Sums
from tasks.svd.products import cast_blocks, project
from tasks.wavelet.bands import Scale


def column_energies(rows: Float32, used: Mask, mean: Float64) -> Float64:
    """Energy about the mean of each column of the used rows (p,)."""
    energies = np.zeros(rows.shape[1])
    for block in cast_blocks(rows, used):
        np.subtract(block, mean, out=block)
        energies += np.einsum("ij,ij->j", block, block)
    return energies


def scale_scores(
    every: Sequence[Sequence[Scale]], rows: Float32, used: Mask, patterns: Float32, mean: Float64
) -> tuple[list[Float64], Float64]:
    """Scores of the used rows on the patterns of each scale, and the energy of each scale about the mean.

    Parameters
    ----------
    every
        Families of scales; those of a family share no column.
    rows
        Coefficients of images (n, p).
    used
        Mask of the rows to use (n,).
    patterns
        Patterns of all scales of each family (families, p, k).
    mean
        Mean of each column (p,).

    Returns
    -------
    scores, energy
        For each scale an array (used rows, k); and an array (2, scales): the energy about the mean, and the part of it
        that the patterns hold.
    """
    energies = column_energies(rows, used, mean)
    flat = [(number, scale.columns) for number, family in enumerate(every) for scale in family]
    scores = [project(rows[:, own], patterns[number, own], mean[own])[used].astype(np.float64) for number, own in flat]
    held = [float(np.einsum("ij,ij", values, values)) for values in scores]
    return scores, np.array([[energies[own].sum() for _, own in flat], held])


@dataclass(frozen=True)
class ScaleSums(Sums):
    """Sums over the scores on the patterns of scales.

    Attributes
    ----------
    shards
        Number of shards.
    labels
        Sums of the scores of each class under the true labels, then under shuffled ones, with all scales side by side.
    cross
        Sum of outer products of the scores of each scale (scales, k, k).
    energy
        Energy about the mean of each scale, and the part of it that its patterns hold (2, scales).
    """

    shards: int
    labels: LabelSums
    cross: Float64
    energy: Float64

    @classmethod
    def of(cls, scores: Sequence[Float64], energy: Float64, labellings: Int64, classes: int) -> "ScaleSums":
        """Sum over images.

        Parameters
        ----------
        scores
            For each scale, the scores of the images on its patterns (n, k).
        energy
            Energies of each scale (2, scales), which other images may have a part in.
        labellings
            True labels of the images, then shuffled ones (1 + R, n).
        classes
            Number of classes.
        """
        return cls(
            shards=1,
            labels=LabelSums.of(np.concatenate(scores, axis=1), labellings, classes),
            cross=np.stack([values.T @ values for values in scores]),
            energy=energy,
        )


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
    """

    patterns: int
    energy: float
    captured: float
    learnability: float
    adjusted: float
    cap: float
    expected: float
    shuffled: Float64


def statistics(sums: ScaleSums, *, grouped: bool) -> list[ScaleStatistics]:
    """Compute the statistics of every scale, in the order of the families.

    If images are grouped, they are not independent, and the mean of the shuffles is what to expect without association.
    """
    return [_statistics(sums, position, grouped=grouped) for position in range(len(sums.cross))]


def _statistics(sums: ScaleSums, position: int, *, grouped: bool) -> ScaleStatistics:
    squares = np.diagonal(sums.cross[position])
    count, rank = int(np.count_nonzero(squares)), len(squares)
    cross = sums.cross[position, :count, :count]
    own = slice(position * rank, position * rank + count)
    true, *shuffled = (
        learnability(counts, totals[:, own], cross)
        for counts, totals in zip(sums.labels.counts, sums.labels.sums, strict=True)
    )
    null = float(np.mean(shuffled)) if grouped else expected_null(count, int(sums.labels.counts[0].sum()))
    energy, held = sums.energy[:, position].tolist()
    return ScaleStatistics(
        patterns=count,
        energy=energy,
        captured=held / energy if count else float("nan"),
        learnability=true,
        adjusted=adjusted(true, null),
        cap=cap(count, int((sums.labels.counts[0] > 0).sum())),
        expected=null,
        shuffled=np.array(shuffled),
    )
