"""The values of images under permutations, by the images' bytes or groups, as classes are shuffled."""

import numpy as np

from tasks.columns.images import RunImages, Sides
from tasks.dtypes import Int64
from tasks.statistics.relabelling import shuffled_labels, thresholds
from tasks.statistics.units import shuffled_by_group


class Shuffles:
    """The values of images under each permutation, as classes are shuffled.

    Parameters
    ----------
    images, sides
        The images, and which of them have a value.
    values
        Number of different values.
    """

    def __init__(self, images: RunImages, sides: Sides, values: int) -> None:
        chosen = images.settings.association
        self._seed, self._units, self._shuffled = chosen.seed, sides.units, None
        if images.groups is None or images.keys is None:
            sampled = sides.sampled
            sizes = np.bincount(sides.codes[sampled], minlength=values)
            self._borders = thresholds(sides.units[sampled], sizes, chosen.seed, chosen.permutations)
            return
        self._shuffled = np.full((chosen.permutations, len(sides.codes)), -1, np.int32)
        for some in (sides.sampled, (sides.codes >= 0) & ~sides.sampled):
            given = sides.units[some], images.keys[some], sides.codes[some]
            self._shuffled[:, some] = shuffled_by_group(*given, chosen.seed, chosen.permutations)

    def of(self, rows: Int64, first: int | None = None) -> Int64:
        """Values of some rows (m,) under each permutation, or under the first few (R, m)."""
        if self._shuffled is None:
            return shuffled_labels(self._units[rows], self._borders[:first], self._seed)
        return self._shuffled[:first, rows].astype(np.int64)
