"""Second-order association: the share of each class in the variance along a pattern, in the space of the scores.

This is the higher-order generalized singular value decomposition (Ponnapalli et al., 2011) in the stable form of Kempf,
Goulart and Duncan (arXiv 2102.09822), applied to the second moments A_c of the classes. All classes have the same
weight. The moments are whitened by their sum, so that the M_c sum to the identity. The share of class c in the variance
along a unit vector z is z'M_c z. Generalized patterns are the eigenvectors of the mean of (M_c + pi I)^-1. To compare
one class with the rest, the eigenvectors of its own M_c are enough.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.scatter import ClassMoments

REGULARISATION = 1e-3  # pi, which admits classes with fewer images than patterns
NEGLIGIBLE = 1e-10  # eigenvalues below this fraction of the largest are rounding errors
INVERTIBLE = 1e-9  # eigenvalues of M_c below this mean that the class has no variance in some direction


@dataclass(frozen=True)
class Whitening:
    """The whitening that makes the second moments of the classes comparable.

    Attributes
    ----------
    filters
        Matrix B = E L^(-1/2) (k2, r) that whitens scores, from sum_c A_c = E L E'.
    patterns
        Matrix E L^(1/2) (k2, r) that turns a whitened direction into its pattern.
    """

    filters: Float64
    patterns: Float64

    @classmethod
    def of(cls, moments: Float64) -> Self:
        """Compute the whitening from the second moments of the classes (C, k2, k2), NaN for classes without images."""
        values, vectors = np.linalg.eigh(np.nansum(moments, axis=0))
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = values > NEGLIGIBLE * values[0]
        roots = np.sqrt(values[kept])
        return cls(vectors[:, kept] / roots, vectors[:, kept] * roots)

    def apply(self, moments: Float64) -> Float64:
        """Whitened second moments M_c = B'A_c B (C, r, r), NaN for classes without images."""
        whitened: Float64 = self.filters.T @ moments @ self.filters
        return whitened

    def loadings(self, directions: Float64) -> Float64:
        """Turn whitened directions (r, m) into unit combinations (m, k2) of the leading patterns, with fixed signs."""
        loadings = (self.patterns @ directions).T
        loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
        largest = np.abs(loadings).argmax(axis=1)[:, None]
        result: Float64 = loadings * np.sign(np.take_along_axis(loadings, largest, axis=1))
        return result


def second_moments(moments: ClassMoments, mean: Float64) -> Float64:
    """Second moments A_c (C, k2, k2): the mean outer product of a class's scores about the mean of all images.

    NaN for classes without images.
    """
    kept = moments.kept
    centre, counts = mean[:kept], moments.counts[:, None, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = moments.sums[:, :kept, None] * centre
        raw = (moments.class_cross - crossed - crossed.transpose(0, 2, 1)) / counts
    return np.where(counts > 0, raw + np.outer(centre, centre), np.nan)


def known(moments: Float64) -> Mask:
    """Mask of the classes that have second moments (C,), which are those with images."""
    result: Mask = ~np.isnan(moments).any(axis=(1, 2)) & (moments.shape[1] > 0)
    return result


class Generalized(NamedTuple):
    """Generalized patterns, most uneven first.

    Attributes
    ----------
    tau
        Eigenvalues (r,): 1 / (1/C + pi) where all classes have the same variance, larger where some have less.
    directions
        Whitened unit vectors (r, r), in columns.
    """

    tau: Float64
    directions: Float64


def generalized(whitened: Float64) -> Generalized:
    """Compute the eigenvectors of T = mean_c (M_c + pi I)^-1 over the classes that have images."""
    present = whitened[known(whitened)]
    if not len(present):
        return Generalized(np.zeros(0), np.zeros((whitened.shape[1], 0)))
    inverses = np.linalg.inv(present + REGULARISATION * np.eye(present.shape[1]))
    mean = inverses.mean(axis=0)
    values, vectors = np.linalg.eigh((mean + mean.T) / 2)
    return Generalized(values[::-1], vectors[:, ::-1])


def shares(whitened: Float64, directions: Float64) -> Float64:
    """Share of each class in the variance along each direction (m, C); each row sums to 1."""
    own = np.einsum("im,cij,jm->mc", directions, whitened, directions, optimize=True)
    result: Float64 = own / np.nansum(own, axis=1, keepdims=True)
    return result


def heterogeneity(whitened: Float64) -> float:
    """Heterogeneity of the classes' variances over all directions: mean(tau at pi = 0) / C - 1.

    0 if all variances are the same. NaN if a class has no variance in some direction, as with fewer images than
    patterns.
    """
    values = np.linalg.eigvalsh(whitened[known(whitened)])
    if not values.size or values.min() < INVERTIBLE:
        return float("nan")
    return float((1 / values).mean()) / len(values) - 1


def expected_heterogeneity(counts: Int64, kept: int) -> float:
    """Expected heterogeneity of normal scores that do not depend on the class.

    It is (1 - 1/C) times the mean of (r + 1) / (n_c - r - 1). That is the mean of the inverse Wishart distribution,
    minus each class's part in the moments that it is compared with. NaN if a class has too few images.
    """
    spare = counts[counts > 0] - kept - 1
    if not spare.size or spare.min() <= 0:
        return float("nan")
    return float(((kept + 1) / spare).mean()) * (1 - 1 / len(spare))


class Against(NamedTuple):
    """One class against the rest.

    Attributes
    ----------
    share
        Share of the class in the variance along each of its patterns (C, m), largest first.
    angle
        Angular distance (C, m) in radians: pi/4 if all variance is the class's, 0 if it equals the mean of the others,
        -pi/4 if the class has none.
    directions
        Whitened unit vectors (C, r, m), NaN for classes without images.
    """

    share: Float64
    angle: Float64
    directions: Float64


def against_the_rest(whitened: Float64, most: int) -> Against:
    """Find the directions in which each class has most variance compared with the mean of the other classes.

    The generalized eigenvectors of A_c and A_c + A_rest, with the mean A_rest of the other classes, are those of M_c.
    """
    absent = ~known(whitened)
    values, vectors = np.linalg.eigh(np.where(absent[:, None, None], 0, whitened))
    share = np.where(absent[:, None], np.nan, np.clip(values[:, ::-1][:, :most], 0, 1))
    directions = np.where(absent[:, None, None], np.nan, vectors[:, :, ::-1][:, :, :most])
    return Against(share, angular_distance(share, int((~absent).sum())), directions)


def angular_distance(share: Float64, classes: int) -> Float64:
    """Angle arctan(sqrt(variance of the class / mean variance of the others)) - pi/4, from the share of the class."""
    result: Float64 = np.arctan2(np.sqrt((classes - 1) * share), np.sqrt(1 - share)) - np.pi / 4
    return result


def agreement(first: Float64, second: Float64) -> float:
    """Correlation of two sets of shares (m, C) over the entries known in both; NaN if these are too few or constant."""
    known = ~(np.isnan(first) | np.isnan(second))
    pair = first[known], second[known]
    if known.sum() < 3 or min(np.ptp(values) for values in pair) == 0:  # noqa: PLR2004
        return float("nan")
    return float(np.corrcoef(*pair)[0, 1])
