"""How far the scores of an image lie from the mean of its class."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import ClassSums

LEAST = 1e-9  # variance within classes along a direction, relative to the largest, below which there is none


@dataclass(frozen=True)
class ClassDistances:
    """Means (C, k) of the classes' scores, NaN where a class has no image, and the whitening (k, m) within classes."""

    means: Float64
    whitening: Float64

    @classmethod
    def of(cls, sums: ClassSums) -> Self:
        """Compute them from sums over the fitted images."""
        with np.errstate(invalid="ignore"):
            means = sums.sums / sums.counts[:, None]
        there = sums.counts > 0
        between = (sums.sums[there].T / sums.counts[there]) @ sums.sums[there]
        within = (sums.cross - between) / max(1, int(sums.counts.sum() - there.sum()))
        values, vectors = np.linalg.eigh(within)
        kept = values > LEAST * max(float(values[-1]), np.finfo(np.float64).tiny)
        return cls(means, vectors[:, kept] / np.sqrt(values[kept]))

    def of_images(self, scores: Float64, classes: Int64) -> Float64:
        """Mahalanobis distance (n,) of scores (n, k) from the means of their classes (n,), over the root of m.

        It is about 1 for an image that lies as far away as most. NaN if the class has no fitted image.
        """
        away = (scores - self.means[classes]) @ self.whitening
        distances: Float64 = np.sqrt(np.einsum("ij,ij->i", away, away) / max(1, self.whitening.shape[1]))
        return distances
