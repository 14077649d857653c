"""Sums of scores by the value of a column and the class, by folds, for values as they are and shuffled within classes.

Shuffled within a class, values go with the class as before, but not with the image. So whatever patterns tell of them
is chance.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import NUMBER, Float64, Int64, UInt8, UInt64
from tasks.statistics.relabelling import stream_hashes, uniform
from tasks.statistics.sums import BUDGET, Sums, grouped

FOLDS = 5
GROUPS = 64  # of images, for intervals
SHUFFLES = 10
LABELLINGS = 1 + SHUFFLES
LEFT_OUT = 2  # labellings by which images are left out: that of the values, and the first of the shuffled ones
MOST_VALUES = 32  # less than 256, since values of images are kept in a byte each


def most_values(classes: int, rank: int) -> int:
    """Number of values whose sums fit the budget, at most `MOST_VALUES`; rarer ones must be joined."""
    left_out = LEFT_OUT * FOLDS * rank * (2 * classes + rank)
    one = left_out + LABELLINGS * FOLDS * (2 * rank + 2 * classes) + 5 * GROUPS * classes
    return min(MOST_VALUES, BUDGET // (NUMBER * one))


class Cells(NamedTuple):
    """Where some images belong.

    Attributes
    ----------
    values
        Value of each image as it is, and as shuffled within classes (L, n).
    classes, folds, groups
        Class, fold and group of each image (n,).
    """

    values: UInt8
    classes: Int64
    folds: Int64
    groups: Int64

    @classmethod
    def of(cls, values: Int64, classes: Int64, units: UInt64, images: UInt64, seed: int) -> Self:
        """Place all images by their values, classes, units and ids, each (n,). Images of a unit stay together."""
        return cls(
            np.concatenate([values[None].astype(np.uint8), shuffled_within(values, classes, images, seed)]),
            classes,
            (uniform(units, seed, "fold") * FOLDS).astype(np.int64),
            (uniform(units, seed, "group") * GROUPS).astype(np.int64),
        )

    def take(self, rows: slice) -> "Cells":
        """Take some of the images."""
        return Cells(self.values[:, rows], self.classes[rows], self.folds[rows], self.groups[rows])


def shuffled_within(values: Int64, classes: Int64, images: UInt64, seed: int) -> UInt8:
    """Shuffle values (n,) among the images of each class; returns (SHUFFLES, n)."""
    given = values[np.argsort(classes, kind="stable")]
    result = np.empty((SHUFFLES, len(values)), np.uint8)
    for number in range(SHUFFLES):
        result[number, np.lexsort((stream_hashes(images, seed, f"within {number}"), classes))] = given
    return result


@dataclass(frozen=True)
class CellSums(Sums):
    """Sums over images of each value and class.

    Attributes
    ----------
    counts
        Number of images (L, F, V, C), by labelling, fold, value and class.
    value_sums
        Sum of scores of each value (L, F, V, k).
    sums
        Sum of scores (2, F, V, C, k) under the first two labellings.
    cross
        Sum of outer products of scores of each value (2, F, V, k, k).
    """

    counts: Int64
    value_sums: Float64
    sums: Float64
    cross: Float64

    @classmethod
    def of(cls, scores: Float64, cells: Cells, values: int, classes: int) -> Self:
        """Sum over images with scores (n, k), in cells of so many values and classes."""
        rank, shape = scores.shape[1], (FOLDS, values, classes)
        counts = np.empty((LABELLINGS, *shape), np.int64)
        value_sums = np.empty((LABELLINGS, FOLDS, values, rank))
        for number, own in enumerate(cells.values):
            place = cells.folds * values + own
            counts[number] = np.bincount(place * classes + cells.classes, minlength=counts[0].size).reshape(shape)
            value_sums[number] = grouped(scores, place, FOLDS * values)[1].reshape(FOLDS, values, rank)
        sums = np.empty((LEFT_OUT, *shape, rank))
        cross = np.empty((LEFT_OUT, FOLDS, values, rank, rank))
        for number, own in enumerate(cells.values[:LEFT_OUT]):
            place = cells.folds * values + own
            sums[number] = grouped(scores, place * classes + cells.classes, counts[0].size)[1].reshape(*shape, rank)
            order = np.argsort(place, kind="stable")
            rows = np.split(scores[order], np.cumsum(np.bincount(place, minlength=FOLDS * values))[:-1])
            cross[number] = np.stack([some.T @ some for some in rows]).reshape(FOLDS, values, rank, rank)
        return cls(counts, value_sums, sums, cross)

    @property
    def table(self) -> Int64:
        """Number of images of each value and class (V, C)."""
        result: Int64 = self.counts[0].sum(axis=0)
        return result
