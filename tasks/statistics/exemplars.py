"""The exemplars of a pattern: the images with its highest and its lowest scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.sums import Sums

KEPT = 8  # on each side
SIGNS = np.array([-1, 1])[:, None, None]  # of the scores of each side, sorted from the lowest up


@dataclass(frozen=True)
class Exemplars(Sums):
    """The images with the highest and the lowest scores on each pattern. The sum of two keeps the best of both.

    Attributes
    ----------
    scores
        Scores (2, k, up to KEPT): from the highest down, and from the lowest up.
    rows
        Rows of these images, in the same shape. Among equal scores the lowest row comes first, so that the order and
        the number of shards do not matter.
    """

    scores: Float64
    rows: Int64

    @classmethod
    def of(cls, scores: Float64, rows: Int64) -> Self:
        """Find the exemplars among images with scores (n, k) and ascending rows (n,)."""
        columns = np.ascontiguousarray(scores.T)
        sides = np.stack([-columns, columns])
        best = np.array([[_lowest(values) for values in side] for side in sides], np.int64)
        best = best.reshape(*sides.shape[:2], -1)
        return cls(np.take_along_axis(sides, best, axis=2) * SIGNS, rows[best])

    def __add__(self, other: Self) -> Self:
        """Keep the best of both."""
        scores, rows = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=2) for name in ("scores", "rows")
        )
        order = np.lexsort((rows, scores * SIGNS), axis=2)[:, :, :KEPT]
        return type(self)(np.take_along_axis(scores, order, axis=2), np.take_along_axis(rows, order, axis=2))


def _lowest(values: Float64) -> Int64:
    """Positions of the lowest values; the first among equal ones."""
    if len(values) <= KEPT:
        return np.argsort(values, kind="stable")
    found = np.flatnonzero(values <= np.partition(values, KEPT - 1)[KEPT - 1])
    return found[np.argsort(values[found], kind="stable")[:KEPT]]
