"""Whether a column can be read from the patterns within each class, and what column and class explain alone.

Scores are a sum of an effect of the class, an effect of the value and what is left: a two-way analysis of variance
without interaction. Its least-squares effects follow from the counts and sums of cells (Searle, Linear Models, 1971,
chapter 7).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.association import SINGULAR
from tasks.statistics.discriminants import discriminants
from tasks.statistics.value_cells import FOLDS, LABELLINGS, Cells, CellSums

LEAST = 10  # images of a cell, for its value to be read in its class


class Effects(NamedTuple):
    """Effects of values beside those of classes.

    Attributes
    ----------
    of_value, of_class
        Effects of the values (V, k), whose mean is arbitrary, and of the classes (C, k).
    between
        Sum of squares and products that the values explain beside the classes (k, k).
    within
        Sum of squares and products about the means of the classes (k, k).
    freedom
        Number of values beyond the first that the classes do not determine.
    """

    of_value: Float64
    of_class: Float64
    between: Float64
    within: Float64
    freedom: int


def effects(counts: Int64, value_sums: Float64, class_sums: Float64, cross: Float64) -> Effects:
    """Compute the effects of the values beside the classes; swap both for those of the classes.

    The normal equations of the values, after the classes are eliminated, are
    (D - N E^-1 N') B = S - N E^-1 T. D and E are diagonal matrices of the numbers of images of each value and class, N
    those of cells, S and T the sums of scores of each value and class.

    Parameters
    ----------
    counts
        Number of images of each value and class (V, C).
    value_sums, class_sums
        Sum of scores of each value (V, k) and class (C, k).
    cross
        Sum of outer products of scores (k, k).
    """
    table = counts.astype(np.float64)
    of_class = table.sum(axis=0)
    share = np.divide(table, of_class, where=of_class > 0, out=np.zeros_like(table))
    normal = np.diag(table.sum(axis=1)) - share @ table.T
    rest = value_sums - share @ class_sums
    roots, vectors = np.linalg.eigh(normal)
    kept = roots > SINGULAR * max(roots[-1], 1)
    of_value = (vectors[:, kept] / roots[kept]) @ (vectors[:, kept].T @ rest)
    inverse = np.divide(1, of_class, where=of_class > 0, out=np.zeros_like(of_class))[:, None]
    return Effects(
        of_value=of_value,
        of_class=(class_sums - table.T @ of_value) * inverse,
        between=of_value.T @ rest,
        within=cross - class_sums.T @ (class_sums * inverse),
        freedom=int(kept.sum()),
    )


class Partial(NamedTuple):
    """Learnability of one column beside another.

    Attributes
    ----------
    learnability
        Pillai's trace of the between-values scatter in that within classes, over its degrees of freedom; NaN if the
        classes determine the value.
    expected
        Its expectation without association.
    """

    learnability: float
    expected: float


def partial_learnability(counts: Int64, value_sums: Float64, class_sums: Float64, cross: Float64) -> Partial:
    """Learnability of the values given the classes, from the sums of `effects`.

    It is tr(W^-1 H)/d with the scatter W about class means, and the part H of it that values explain with d degrees of
    freedom: type II sums of squares. Without association that is k/(n - C) on average (Pillai, 1955).
    """
    found = effects(counts, value_sums, class_sums, cross)
    n, classes, rank = int(counts.sum()), int((counts.sum(axis=0) > 0).sum()), len(cross)
    if not found.freedom or n <= classes or not rank:
        return Partial(np.nan, np.nan)
    roots, vectors = np.linalg.eigh((found.within + found.within.T) / 2)
    kept = roots > SINGULAR * max(roots[-1], 0)
    inside = vectors[:, kept]
    trace = float((np.einsum("ij,ij->j", inside, found.between @ inside) / roots[kept]).sum())
    return Partial(trace / found.freedom, min(kept.sum() / (n - classes), 1))


@dataclass(frozen=True)
class Readers:
    """Linear discriminants of the values within each class, fitted without each fold, under each labelling.

    An image is compared with the effect of its class plus that of each value that its class has, all values as likely.

    Attributes
    ----------
    directions
        Weights of the scores (L, F, k, V).
    offsets
        What is added for an image of each class (L, F, C, V); minus infinity for values that are not asked.
    asked
        Whether a value is read in a class (V, C): it has enough images, and another value of the class has too.
    """

    directions: Float64
    offsets: Float64
    asked: Mask

    @classmethod
    def of(cls, sums: CellSums) -> Self:
        """Fit from sums over the images."""
        table, (_, _, values, classes, rank) = sums.table, sums.sums.shape
        asked = (table >= LEAST) & ((table >= LEAST).sum(axis=0) > 1)
        directions = np.empty((LABELLINGS, FOLDS, rank, values))
        offsets = np.empty((LABELLINGS, FOLDS, classes, values))
        class_sums, cross = sums.sums[0].sum(axis=1), sums.cross[0].sum(axis=1)
        for fold in range(FOLDS):
            others = [one for one in range(FOLDS) if one != fold]
            of_classes, of_all = class_sums[others].sum(axis=0), cross[others].sum(axis=0)
            for number in range(LABELLINGS):
                counts, totals = (part[number, others].sum(axis=0) for part in (sums.counts, sums.value_sums))
                found = effects(counts, totals, of_classes, of_all)
                left = found.within - found.between
                weights, offset = discriminants(found.of_value, left, float(counts.sum()))
                directions[number, fold] = weights
                known = asked & (counts.sum(axis=1) > 0)[:, None]
                offsets[number, fold] = np.where(known.T, offset - found.of_class @ weights, -np.inf)
        return cls(directions, offsets, asked)

    def right(self, scores: Float64, cells: Cells) -> Mask:
        """Whether the value of each image is read rightly under each labelling (L, n)."""
        result = np.zeros(cells.values.shape, np.bool_)
        for fold in range(FOLDS):
            rows = np.flatnonzero(cells.folds == fold)
            for number, own in enumerate(cells.values[:, rows]):
                fit = scores[rows] @ self.directions[number, fold] + self.offsets[number, fold][cells.classes[rows]]
                result[number, rows] = fit.argmax(axis=1) == own
        return result


def read_accuracy(right: Int64, counts: Int64, asked: Mask) -> Float64:
    """Part of images whose value is read rightly within their class (...,), all values of a class weighing alike.

    Parameters
    ----------
    right, counts
        Number of images read rightly, and of all, of each value and class (..., V, C).
    asked
        Which values are read in which classes (V, C). Classes weigh as their images do. NaN if none is asked.
    """
    known = asked & (counts > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        recalls = np.where(known, right / counts, 0).sum(axis=-2) / known.sum(axis=-2)
        weights = np.where(known, counts, 0).sum(axis=-2)
        result: Float64 = np.where(weights > 0, recalls * weights, 0).sum(axis=-1) / weights.sum(axis=-1)
    return result


def read_chance(counts: Int64, asked: Mask) -> float:
    """Accuracy of `read_accuracy` by chance: 1 over the number of values asked of a class."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1 / asked.sum(axis=0)
    weights = np.where(asked, counts, 0).sum(axis=0)
    return float((weights[weights > 0] * share[weights > 0]).sum() / weights.sum()) if weights.any() else float("nan")
