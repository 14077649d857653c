"""What a judge of the class loses on images of a value that it never learned from, by subtracting sums.

Linear discriminants judge each image without the fold that it is in. They judge it again without all images of its
value. That leaves fewer images to learn from. So they are compared with discriminants that miss as many images of each
class, drawn at random: the values shuffled within classes say which. Classes are taken as all as likely, since without
a value their proportions are others.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Mask
from tasks.statistics.discriminants import class_discriminants
from tasks.statistics.value_cells import FOLDS, LEFT_OUT, Cells, CellSums

LEAST = 10  # images of a class outside a value, for its images of that value to be judged


@dataclass(frozen=True)
class ValueJudges:
    """Judges of the class, each a matrix (k + 1, C) of weights, offsets in the last row.

    Attributes
    ----------
    whole
        Fitted without each fold (F, k + 1, C).
    without
        Fitted without each fold and each value (2, F, V, k + 1, C), as values are and as they are shuffled.
    asked
        Whether images of a value and class are judged (V, C): whether enough of the class have another value.
    """

    whole: Float64
    without: Float64
    asked: Mask

    @classmethod
    def of(cls, sums: CellSums) -> Self:
        """Fit all judges from sums over the images."""
        _, folds, values, classes, rank = sums.sums.shape
        whole = np.empty((folds, rank + 1, classes))
        without = np.empty((LEFT_OUT, folds, values, rank + 1, classes))
        for fold in range(folds):
            others = [one for one in range(folds) if one != fold]
            for number in range(LEFT_OUT):
                counts = sums.counts[number, others].sum(axis=0)
                totals, cross = (part[number, others].sum(axis=0) for part in (sums.sums, sums.cross))
                of_all = counts.sum(axis=0), totals.sum(axis=0), cross.sum(axis=0)
                whole[fold] = class_discriminants(*of_all)
                for value in range(values):
                    own = counts[value], totals[value], cross[value]
                    without[number, fold, value] = class_discriminants(
                        *(a - b for a, b in zip(of_all, own, strict=True))
                    )
        table = sums.table
        return cls(whole, without, (table > 0) & (table.sum(axis=0) - table >= LEAST))

    def right(self, scores: Float64, cells: Cells) -> Mask:
        """Whether each image's class is predicted rightly (3, n): by all, without its value, without as many others."""
        given, own = np.column_stack([scores, np.ones(len(scores))]), cells.values[0]
        result = np.zeros((1 + LEFT_OUT, len(scores)), np.bool_)
        for fold in range(FOLDS):
            for value in range(len(self.asked)):
                rows = np.flatnonzero((cells.folds == fold) & (own == value))
                judges = self.whole[fold], *self.without[:, fold, value]
                for number, judge in enumerate(judges):
                    result[number, rows] = (given[rows] @ judge).argmax(axis=1) == cells.classes[rows]
        return result
