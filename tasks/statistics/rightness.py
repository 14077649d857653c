"""How many images judges of the class, and readers of a column, get right, and what follows from that."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.bootstrap import Estimate, estimates
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.sums import Sums
from tasks.statistics.value_cells import GROUPS, Cells
from tasks.statistics.within_class import Readers, read_accuracy, read_chance


@dataclass(frozen=True)
class Rightness(Sums):
    """Numbers of images that judges and readers get right.

    Attributes
    ----------
    counts
        Number of images (G, V, C), by group, value and class.
    right
        Images whose class is judged rightly (3, G, V, C): by all others, without their value, without as many others.
    read
        Images whose value is read rightly within their class (G, V, C).
    shuffled_read
        The same for values shuffled within classes (R, V, C).
    """

    counts: Int64
    right: Int64
    read: Int64
    shuffled_read: Int64

    @classmethod
    def of(cls, scores: Float64, cells: Cells, judges: ValueJudges, readers: Readers) -> Self:
        """Judge and read images with scores (n, k)."""
        shape = GROUPS, *judges.asked.shape
        place = np.ravel_multi_index((cells.groups, cells.values[0], cells.classes), shape)

        def count(some: Mask, at: Int64, shape: tuple[int, ...]) -> Int64:
            return np.bincount(at[some], minlength=int(np.prod(shape))).reshape(shape)

        read, every = readers.right(scores, cells), np.ones(len(scores), np.bool_)
        shuffled = zip(read[1:], cells.values[1:], strict=True)
        return cls(
            counts=count(every, place, shape),
            right=np.stack([count(some, place, shape) for some in judges.right(scores, cells)]),
            read=count(read[0], place, shape),
            shuffled_read=np.stack(
                [
                    count(some, np.ravel_multi_index((own, cells.classes), shape[1:]), shape[1:])
                    for some, own in shuffled
                ]
            ),
        )


class Read(NamedTuple):
    """How well a column is read from the patterns within classes.

    Attributes
    ----------
    accuracy
        Held-out accuracy, all values of a class weighing alike.
    chance, largest_shuffled
        Accuracy by chance, and the largest with values shuffled within classes.
    asked
        Part of the images that are in cells of enough images.
    """

    accuracy: Estimate
    chance: float
    largest_shuffled: float
    asked: float

    @classmethod
    def of(cls, found: Rightness, readers: Readers, weights: Float64) -> Self:
        """Compute them from the numbers of images, and samples of groups from `resampled`."""
        asked, table = readers.asked, found.counts.sum(axis=0)
        estimate = estimates(
            weights, lambda right, counts: read_accuracy(right, counts, asked), found.read, found.counts
        )
        null = read_accuracy(found.shuffled_read, table, asked)
        return cls(
            Estimate(*estimate.tolist()),
            read_chance(table, asked),
            float(null.max()),
            float(table[asked].sum() / max(table.sum(), 1)),
        )


class Lost(NamedTuple):
    """What a judge of the class loses.

    Attributes
    ----------
    accuracy, without
        Held-out accuracy of the images that are judged, by all others, and without all images of their value.
    loss
        Accuracy without as many images of each class, drawn at random, less that without the value.
    by_value
        The same of each value, with its interval (3, V).
    inflation
        Accuracy less what it would be if each value had the same proportions of the classes.
    judged
        Number of images that are judged, of each value (V,).
    """

    accuracy: float
    without: float
    loss: Estimate
    by_value: Float64
    inflation: Estimate
    judged: Int64

    @classmethod
    def of(cls, found: Rightness, judges: ValueJudges, weights: Float64) -> Self:
        """Compute them from the numbers of images, and samples of groups from `resampled`."""
        counts, right = found.counts * judges.asked, found.right * judges.asked
        of_value, known = counts.sum(axis=2), right.sum(axis=3)
        judged, total = of_value.sum(axis=0), max(int(counts.sum()), 1)
        whole, without, _ = known.sum(axis=(1, 2)) / (total if counts.any() else np.nan)
        difference = known[2] - known[1]
        by_value = estimates(weights, quotient, difference, of_value)
        loss = estimates(weights, quotient, difference.sum(axis=1), of_value.sum(axis=1))
        inflation = estimates(weights, _inflation, right[0], counts)
        return cls(
            float(whole), float(without), Estimate(*loss.tolist()), by_value, Estimate(*inflation.tolist()), judged
        )


def quotient(part: Float64, whole: Float64) -> Float64:
    """Divide sums; NaN for 0 over 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Float64 = part / whole
    return result


def _inflation(right: Float64, counts: Float64) -> Float64:
    """Accuracy less the mean accuracy of cells, each weighing as if value and class were independent (S,).

    Parameters
    ----------
    right, counts
        Number of images judged rightly, and of all, of each value and class (S, V, C).
    """
    independent = counts.sum(axis=2, keepdims=True) * counts.sum(axis=1, keepdims=True) * (counts > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracies = np.where(counts > 0, right / counts, 0)
        alike = (independent * accuracies).sum(axis=(1, 2)) / independent.sum(axis=(1, 2))
        result: Float64 = right.sum(axis=(1, 2)) / counts.sum(axis=(1, 2)) - alike
    return result
