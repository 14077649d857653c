"""Second moments of each class in parts of the images, for the classifiers and second-order association.

The images form three parts. The images that patterns are fitted on form two random halves, and images of other splits
are held out. If there is no other split, a fifth of the images is held out from the halves by a hash of their ids,
although patterns are fitted on it too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, Mask, UInt64
from tasks.statistics.relabelling import uniform
from tasks.statistics.sums import BUDGET, Sums

PARTS = 3
HELD_OUT = 2  # the part after the two halves
HELD_OUT_SHARE = 0.2
LABELLINGS = 2  # the true labels, and one permutation as a control


def parts(units: UInt64, learned: Mask, seed: int, *, other_split: bool) -> Int64:
    """Part of each image (n,), by its unit: images of a unit are in the same part.

    Parameters
    ----------
    units, learned
        Id of each image's unit, and whether patterns are fitted on an image of it (n,).
    seed
        Seed of the random parts.
    other_split
        Whether the dataset has images that patterns are not fitted on.
    """
    half = (uniform(units, seed, "half") < 0.5).astype(np.int64)  # noqa: PLR2004
    held_out = ~learned if other_split else uniform(units, seed, "held out") < HELD_OUT_SHARE
    return np.where(held_out, HELD_OUT, half)


def patterns_kept(classes: int, rank: int, labellings: int = LABELLINGS) -> int:
    """Number of leading patterns that second moments cover within the budget, at least one."""
    return max(1, min(rank, isqrt(BUDGET // (NUMBER * labellings * PARTS * classes))))


@dataclass(frozen=True)
class ClassScatter(Sums):
    """Moments of the scores of each class in each part, under the true labels and perhaps one permutation of them.

    Attributes
    ----------
    counts
        Number of images (L, 3, C), by labelling, part and class.
    sums
        Sum of scores (L, 3, C, k).
    cross
        Sum of outer products of scores, all classes together (3, k, k).
    class_cross
        Sum of outer products of the first k2 scores (L, 3, C, k2, k2): see `patterns_kept`.
    """

    counts: Int64
    sums: Float64
    cross: Float64
    class_cross: Float64

    @classmethod
    def of(cls, scores: Float64, part: Int64, labellings: Int64, classes: int, most: int | None = None) -> Self:
        """Compute the moments of images with scores (n, k), parts (n,) and labellings (L, n).

        Second moments of classes cover at most the leading `most` patterns, by default as many as the budget allows.
        """
        rank, number_of = scores.shape[1], len(labellings)
        kept, cells = patterns_kept(classes, min(rank, most or rank), number_of), PARTS * classes
        counts = np.zeros((number_of, cells), np.int64)
        sums = np.zeros((number_of, cells, rank))
        class_cross = np.zeros((number_of, cells, kept, kept))
        for number, labels in enumerate(labellings):
            cell = part * classes + labels
            ordered = scores[np.argsort(cell, kind="stable")]
            counts[number] = np.bincount(cell, minlength=cells)
            starts = np.cumsum(counts[number]) - counts[number]
            for size, alike in _by_size(counts[number]):
                # All cells with the same number of images at once: with many classes, most hold a few images.
                rows = ordered[starts[alike, None] + np.arange(size)]
                sums[number, alike] = rows.sum(axis=1)
                leading = np.ascontiguousarray(rows[:, :, :kept])
                class_cross[number, alike] = leading.transpose(0, 2, 1) @ leading
        return cls(
            counts.reshape(number_of, PARTS, classes),
            sums.reshape(number_of, PARTS, classes, rank),
            np.stack([scores[part == one].T @ scores[part == one] for one in range(PARTS)]),
            class_cross.reshape(number_of, PARTS, classes, kept, kept),
        )

    def take(self, labelling: int, chosen: list[int]) -> "ClassMoments":
        """Add up the moments of some parts under one labelling."""
        return ClassMoments(
            self.counts[labelling, chosen].sum(axis=0),
            self.sums[labelling, chosen].sum(axis=0),
            self.cross[chosen].sum(axis=0),
            self.class_cross[labelling, chosen].sum(axis=0),
        )

    def deviations(self) -> Float64:
        """Compute the deviation of the scores of all images (k,)."""
        count = self.counts[0].sum()
        mean = self.sums[0].sum(axis=(0, 1)) / count
        squares = np.diagonal(self.cross.sum(axis=0)) / count
        deviations: Float64 = np.sqrt(np.maximum(squares - mean**2, 0))
        return deviations


def _by_size(counts: Int64) -> Iterator[tuple[int, Int64]]:
    """Yield each number of images that a cell has, but 0, with the cells that have it."""
    order = np.argsort(counts, kind="stable")
    sizes, starts = np.unique(counts[order], return_index=True)
    for size, cells in zip(sizes.tolist(), np.split(order, starts[1:]), strict=True):
        if size:
            yield size, cells


@dataclass(frozen=True)
class ClassMoments:
    """Moments of the scores of each class: counts (C,), sums (C, k), cross (k, k), class_cross (C, k2, k2)."""

    counts: Int64
    sums: Float64
    cross: Float64
    class_cross: Float64

    @property
    def kept(self) -> int:
        """Number k2 of leading patterns that the second moments of classes cover."""
        return int(self.class_cross.shape[-1])
