"""Two classifiers fitted from sums over the images. They measure how well scores predict classes, and find bad labels.

The first is ridge regression onto indicators of the classes. Generalized cross-validation chooses its penalty (Golub,
Heath and Wahba, 1979). The second is quadratic discriminant analysis with a normal density for each class. Its
covariances are shrunk towards the pooled one where images are few (as in Friedman, 1989).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.scatter import ClassMoments

PENALTIES = np.logspace(-8, 1, 37)  # relative to the largest eigenvalue of the total scatter
SINGULAR = 1e-10  # fraction of a pattern's variance added to keep covariances invertible


@dataclass(frozen=True)
class Ridge:
    """A ridge classifier with intercepts (C,) and weights (k, C)."""

    intercepts: Float64
    weights: Float64

    @classmethod
    def of(cls, moments: ClassMoments) -> Self:
        """Fit from sums over images; classes without images are never predicted, unless there are no images at all."""
        counts = moments.counts.astype(np.float64)
        n, total = counts.sum(), moments.sums.sum(axis=0)
        if not n:
            return cls(np.full(len(counts), -np.inf), np.zeros((len(total), len(counts))))
        mean, frequencies = total / n, counts / n
        scatter = moments.cross - np.outer(total, mean)
        values, vectors = np.linalg.eigh(scatter)
        values = np.maximum(values, 0)
        # Cross products of centred scores and centred indicators, in the basis of the scatter.
        targets = vectors.T @ (moments.sums - np.outer(counts, mean)).T
        indicators = float((counts * (1 - frequencies)).sum())
        penalty = min(PENALTIES * values[-1], key=lambda one: _cross_validated(one, values, targets, indicators, n))
        weights = vectors @ (targets / (values + penalty)[:, None])
        return cls(np.where(counts > 0, frequencies - mean @ weights, -np.inf), weights)

    def predict(self, scores: Float64) -> Int64:
        """Predict the class of each image (n,)."""
        return np.asarray((scores @ self.weights + self.intercepts).argmax(axis=1), np.int64)


def _cross_validated(penalty: float, values: Float64, targets: Float64, indicators: float, n: float) -> float:
    """Score of generalized cross-validation: squared error over the square of the remaining degrees of freedom."""
    shrunk = values + penalty
    squares = (targets**2).sum(axis=1)
    error = indicators - (squares * (2 / shrunk - values / shrunk**2)).sum()
    freedom = n - 1 - (values / shrunk).sum()
    return float(error / freedom**2) if freedom > 0 else float("inf")


class Judgement(NamedTuple):
    """A classifier's judgement of images.

    Attributes
    ----------
    likeliest
        Likeliest class of each image (n,).
    suspicion
        Log-posterior of the likeliest other class minus that of the label (n,): above 0 if another class is likelier.
    """

    likeliest: Int64
    suspicion: Float64


@dataclass(frozen=True)
class Quadratic:
    """Normal densities of classes in the leading k2 scores, times their frequencies.

    Attributes
    ----------
    constants
        Logarithm of the frequency over the root of the determinant (C,), minus infinity for classes without images.
    means
        Mean scores of each class (C, k2).
    roots
        Roots R of each class's inverse covariance R'R (C, k2, k2).
    """

    constants: Float64
    means: Float64
    roots: Float64

    @classmethod
    def of(cls, moments: ClassMoments) -> Self:
        """Fit from sums over images.

        A class's covariance is (n_c S_c + k2 S) / (n_c + k2) with the pooled covariance within classes S, as if k2 more
        images had the covariance S.
        """
        kept, present = moments.kept, moments.counts > 0
        counts = moments.counts[:, None, None].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.nan_to_num(moments.sums[:, :kept] / counts[:, 0])
        scatter = moments.class_cross - counts * means[:, :, None] * means[:, None, :]
        total = scatter.sum(axis=0)
        pooled = total / max(float(counts.sum()) - int(present.sum()), 1)
        squares = np.diagonal(moments.cross)[:kept] / max(float(counts.sum()), 1)
        pooled += np.diag(SINGULAR * np.where(squares > 0, squares, 1))
        covariances = (scatter + kept * pooled) / (counts + kept)
        lower = np.linalg.cholesky(covariances)
        with np.errstate(divide="ignore"):
            constants = np.log(counts[:, 0, 0] / max(float(counts.sum()), 1))
        constants -= np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        return cls(constants, means, np.linalg.inv(lower))

    def judge(self, scores: Float64, labels: Int64) -> Judgement:
        """Judge images by their scores (n, k) and labels (n,), one class at a time to save memory."""
        leading = scores[:, : self.means.shape[1]]
        n = len(leading)
        own, best, likeliest = np.full(n, -np.inf), np.full(n, -np.inf), np.zeros(n, np.int64)
        others = np.full(n, -np.inf)
        for number in np.flatnonzero(np.isfinite(self.constants)):
            away = leading @ self.roots[number].T
            away -= self.roots[number] @ self.means[number]
            posterior = self.constants[number] - np.einsum("ij,ij->i", away, away) / 2
            given = labels == number
            own[given] = posterior[given]
            others = np.where(given, others, np.maximum(others, posterior))
            likeliest[posterior > best] = number
            best = np.maximum(best, posterior)
        with np.errstate(invalid="ignore"):
            suspicion = others - own
        return Judgement(likeliest, np.where(np.isfinite(suspicion), suspicion, np.nan))
