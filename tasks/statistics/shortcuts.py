"""Whether a column is a shortcut, by which a classifier may get the class right without seeing the object.

A shortcut needs three things: the column goes with the class, it can be read from the patterns, and a judge of the
class gets worse when it cannot use it. The verdict says which of them are there.
"""

from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.accuracy import balanced
from tasks.statistics.bootstrap import resampled
from tasks.statistics.contingency import cramers_v, majority_right
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.rightness import Lost, Read, Rightness, quotient
from tasks.statistics.value_cells import GROUPS, CellSums
from tasks.statistics.within_class import (
    Partial,
    Readers,
    effects,
    partial_learnability,
)

CONFOUNDED, INFLATED, HARMLESS, CLEAN = "confounded", "inflated", "separable but harmless", "clean"
UNDECIDED = "cannot say"
TELLING = 0.1  # Cramer's V from which a column goes with the class at all: small in the terms of Cohen (1988)
STRONG = 0.3  # and from which it goes with it strongly: medium
READABLE = 0.05  # least part of the way from chance to 1 at which a column can be read
LEAST = 0.01  # accuracy whose loss counts
MOST = 0.02  # up to this at the upper end of its interval, a loss does not count
ENOUGH = 0.5  # least part of the images that must be in cells of enough images


class Told(NamedTuple):
    """How well a column tells the class by itself.

    Attributes
    ----------
    cramers_v, largest_shuffled, p_value
        Cramer's V, the largest of shuffled classes, and the part of these that reach it.
    accuracy, balanced_accuracy, majority
        Held-out accuracy of the most frequent class of each value, and of the most frequent class of all.
    """

    cramers_v: float
    largest_shuffled: float
    p_value: float
    accuracy: float
    balanced_accuracy: float
    majority: float

    @classmethod
    def of(cls, counts: Int64, shuffled: Int64) -> Self:
        """Compare the counts (F, V, C) of folds, values and classes with tables (R, V, C) of shuffled classes."""
        table = counts.sum(axis=0)
        of_class, right = table.sum(axis=0), majority_right(counts)
        value, null = float(cramers_v(table)), cramers_v(shuffled)
        n = max(int(table.sum()), 1)
        return cls(
            value,
            float(null.max()),
            float((1 + (null >= value).sum()) / (1 + len(null))),
            float(right.sum() / n),
            float(balanced(right, of_class)),
            float(of_class.max() / n),
        )


class Shortcut(NamedTuple):
    """All about a column, and the verdict.

    Attributes
    ----------
    verdict, told, read, lost
        The verdict, and the numbers that it follows from.
    class_given_value, value_given_class
        Learnability of the class beside the column, and of the column beside the class.
    eta_squared
        Share of the variance within classes that the values explain, of each pattern (k,).
    """

    verdict: str
    told: Told
    read: Read
    lost: Lost
    class_given_value: Partial
    value_given_class: Partial
    eta_squared: Float64


def examine(sums: CellSums, found: Rightness, judges: ValueJudges, readers: Readers, shuffled: Int64) -> Shortcut:
    """Examine a column, from sums over the images and tables of shuffled classes (R, V, C)."""
    weights = resampled(GROUPS)
    told = Told.of(sums.counts[0], shuffled)
    read, lost = Read.of(found, readers, weights), Lost.of(found, judges, weights)
    cross, value_sums = sums.cross[0].sum(axis=(0, 1)), sums.value_sums[0].sum(axis=0)
    class_sums = sums.sums[0].sum(axis=(0, 1))
    given = effects(sums.table, value_sums, class_sums, cross)
    return Shortcut(
        verdict(told, read, lost),
        told,
        read,
        lost,
        partial_learnability(sums.table.T, class_sums, value_sums, cross),
        partial_learnability(sums.table, value_sums, class_sums, cross),
        quotient(np.diagonal(given.between), np.diagonal(given.within)),
    )


def verdict(told: Told, read: Read, lost: Lost) -> str:
    """Judge a column by its numbers; `UNDECIDED` if too few images have values and classes that can be compared."""
    room = (read.accuracy.value - read.chance) / (1 - read.chance)
    if not read.asked >= ENOUGH or np.isnan([room, told.cramers_v]).any():
        return UNDECIDED
    if room < READABLE or read.accuracy.low <= max(read.chance, read.largest_shuffled):
        return CLEAN
    if told.cramers_v < TELLING or told.cramers_v <= told.largest_shuffled:
        return HARMLESS
    # A value that was not learned from may cost accuracy only because its images look otherwise. Where the column
    # hardly goes with the class, that is no shortcut.
    asked = [lost.inflation, lost.loss] if told.cramers_v >= STRONG else [lost.inflation]
    if any(one.low > 0 and one.value >= LEAST for one in asked):
        return CONFOUNDED if told.cramers_v >= STRONG else INFLATED
    return HARMLESS if all(one.high <= MOST for one in asked) else UNDECIDED
