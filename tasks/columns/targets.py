"""Numbers that the scores of a run's images are asked about, with their shuffled copies, and sums over them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from tasks.columns.images import RunImages, Sides
from tasks.columns.shuffles import Shuffles
from tasks.dtypes import NUMBER, Float64, Int64, Mask
from tasks.statistics.groups import group_of
from tasks.statistics.regression import JUDGED, LEARNED
from tasks.statistics.sums import BUDGET
from tasks.statistics.target_sums import TargetSums, parts_kept

MOST_TARGETS = 1024  # those of shuffled values among them


@dataclass(frozen=True)
class Targets:
    """L numbers of each image that has a value.

    Attributes
    ----------
    images, sides, shuffles
        The run's images, which of them take part in what, and their shuffled values.
    numbers
        The numbers of each different value (C, L).
    permutations
        Number R of the shuffles.
    """

    images: RunImages
    sides: Sides
    shuffles: Shuffles
    numbers: csr_matrix
    permutations: int

    @classmethod
    def of(cls, images: RunImages, sides: Sides, numbers: csr_matrix) -> Self:
        """Find the numbers of images with a value from those of each different value (C, L)."""
        fitting = max(1, MOST_TARGETS // numbers.shape[1] - 1)
        permutations = min(images.settings.association.permutations, fitting)
        return cls(images, sides, Shuffles(images, sides, numbers.shape[0]), numbers, permutations)

    @property
    def width(self) -> int:
        """Number T of targets, (1 + R) L: the numbers, then their shuffled copies."""
        return (1 + self.permutations) * int(self.numbers.shape[1])

    @property
    def grouped(self) -> bool:
        """Whether images belong to groups, so that they depend on one another."""
        return self.images.groups is not None

    def of_rows(self, rows: Int64) -> Float64:
        """Targets (m, T) of some rows."""
        codes = np.concatenate([self.sides.codes[None, rows], self.shuffles.of(rows, self.permutations)])
        return np.asarray(self.numbers[codes.T.ravel()].toarray(), np.float64).reshape(len(rows), self.width)

    def by_labelling(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Separate what targets have (..., T) by labelling, the true one first (1 + R, ..., L)."""
        apart = values.reshape(*values.shape[:-1], 1 + self.permutations, -1)
        return np.moveaxis(apart, -2, 0)

    def pattern_sums(self) -> TargetSums:
        """Sums over the fitted images of the patterns' scores, in random parts."""
        units, seed = self.sides.units, self.images.settings.association.seed
        parts = parts_kept(self.images.rank, self.width)
        return self._summed(self.sides.sampled, parts, lambda rows: group_of(units[rows], seed, parts), judging=False)

    def judging_sums(self) -> TargetSums:
        """Sums of the scores that labels are judged by, over images learned from and over those that are judged."""
        side = np.where(self.sides.judged, JUDGED, LEARNED)
        asked = self.sides.learned | self.sides.judged
        return self._summed(asked, 2, lambda rows: side[rows], judging=True)

    def _summed(self, mask: Mask, parts: int, part_of: Callable[[Int64], Int64], *, judging: bool) -> TargetSums:
        total = TargetSums.of(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0, np.int64), 0)
        for number, (rows, scores) in enumerate(self.blocks(mask, judging=judging)):
            part = TargetSums.of(scores, self.of_rows(rows), part_of(rows), parts)
            total = total + part if number else part
        return total

    def blocks(self, mask: Mask, *, judging: bool) -> Iterator[tuple[Int64, Float64]]:
        """Yield the rows in a mask (m,) and their scores (m, k), some at a time."""
        most = max(1, BUDGET // (NUMBER * self.width))
        for shard, within in self.images.shards():
            rows = within.start + np.flatnonzero(mask[within])
            scores = (self.images.judging_scores if judging else self.images.scores)(shard, mask)
            for start in range(0, len(rows), most):
                yield rows[start : start + most], scores[start : start + most]
