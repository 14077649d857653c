"""How many images judges of the class, and readers of a column, get right."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.sums import Sums
from tasks.statistics.value_cells import GROUPS, SHUFFLES, Cells
from tasks.statistics.within_class import Readers


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
                [count(some, own * shape[2] + cells.classes, shape[1:]) for some, own in shuffled]
            ).reshape(SHUFFLES, *shape[1:]),
        )
