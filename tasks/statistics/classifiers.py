"""Two classifiers fitted from sums over the images. They measure how well scores predict classes.

The first is ridge regression onto indicators of the classes. Generalized cross-validation chooses its penalty (Golub,
Heath and Wahba, 1979). The second is quadratic discriminant analysis with a normal density for each class. Its
covariances are shrunk towards the pooled one where images are few (as in Friedman, 1989).

Both judge a block of images by one matrix product with all classes, so that thousands of classes take little time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.ridge import best_penalties
from tasks.statistics.scatter import ClassMoments

SINGULAR = 1e-10  # fraction of a pattern's variance added to keep covariances invertible
FEW = 100  # up to so many classes products are in float64: they take little time
PRODUCT_SIZE = 2**20  # numbers of a factor or of the result of a product: small enough for a cache
LEAST = 1e-9  # of 1 - leverage, which rounding could make negative
ROUNDED = 0.01  # nats: where float32 could change a log-posterior by more, float64 is used


def _blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices of n rows; a block of them has at most `PRODUCT_SIZE` numbers if a row has `width`."""
    rows = max(1, PRODUCT_SIZE // width)
    return (slice(start, start + rows) for start in range(0, n, rows))


@dataclass(frozen=True)
class Ridge:
    """A ridge classifier, whose intercepts are not penalized.

    Attributes
    ----------
    centre
        Point about which scores are taken (k,).
    intercepts, weights
        Frequencies of the classes (C,), and weights of the scores (k, C).
    root, images
        Matrix R (k, k) and number n of images: an image with scores x was fitted with the leverage
        `1 / n + |(x - centre) @ R|^2`.
    """

    centre: Float64
    intercepts: Float64
    weights: Float64
    root: Float64
    images: float

    @classmethod
    def of(cls, moments: ClassMoments) -> Self:
        """Fit from sums over images; classes without images are never predicted, unless there are no images at all."""
        counts = moments.counts.astype(np.float64)
        n, total = float(counts.sum()), moments.sums.sum(axis=0)
        if not n:
            nothing = np.zeros((len(total), len(counts)))
            return cls(np.zeros_like(total), np.full(len(counts), -np.inf), nothing, np.zeros((len(total),) * 2), n)
        mean, frequencies = total / n, counts / n
        scatter = moments.cross - np.outer(total, mean)
        values, vectors = np.linalg.eigh(scatter)
        values = np.maximum(values, 0)
        # Cross products of centered scores and centered indicators, in the basis of the scatter.
        targets = vectors.T @ (moments.sums - np.outer(counts, mean)).T
        indicators = float((counts * (1 - frequencies)).sum())
        squares = (targets**2).sum(axis=1, keepdims=True)  # of all classes together, since they share one penalty
        penalty = best_penalties(values, squares, np.array([indicators]), n)
        weights = vectors @ (targets / (values + penalty)[:, None])
        root = vectors / np.sqrt(values + penalty)
        return cls(mean, np.where(counts > 0, frequencies, -np.inf), weights, root, n)

    @property
    def learned(self) -> Mask:
        """Whether each class had images to learn from (C,)."""
        result: Mask = np.isfinite(self.intercepts)
        return result

    def fits(self, scores: Float64, labels: Int64, entered: Mask) -> Float64:
        """Fit the indicators of the classes to images (n, C), as if the classifier had not learned from the image.

        Without an image of leverage h, the error of its fit is the error with it over 1 - h (Cook, 1977).

        Parameters
        ----------
        scores, labels
            Scores (n, k) and labels (n,).
        entered
            Whether the image is in the sums with its label, so that it must be left out (n,).
        """
        centred = scores - self.centre
        result: Float64 = centred @ self.weights
        result += self.intercepts
        rows = np.flatnonzero(entered)
        if len(rows):
            leverage = 1 / self.images + ((centred[rows] @ self.root) ** 2).sum(axis=1)
            result[rows, labels[rows]] -= leverage
            result[rows] /= np.maximum(1 - leverage, LEAST)[:, None]
        return result

    def predict(self, scores: Float64) -> Int64:
        """Predict the class of each image (n,). Of many classes those that are equal to six digits may change."""
        dtype: type[np.floating[Any]] = np.float64 if len(self.intercepts) <= FEW else np.float32
        weights, intercepts = self.weights.astype(dtype), self.intercepts.astype(dtype)
        result = np.empty(len(scores), np.int64)
        for rows in _blocks(len(scores), len(intercepts)):
            fit = (scores[rows] - self.centre).astype(dtype) @ weights
            fit += intercepts
            result[rows] = fit.argmax(axis=1)
        return result


@dataclass(frozen=True)
class Quadratic:
    """Normal densities of classes in the leading k2 scores, times their frequencies.

    A score vector x becomes z = `(x - centre) @ filters`, in which the pooled covariance within classes is the
    identity.
    The log-posterior of a class is, but for a constant that all classes share, its intercept plus its weights times the
    t numbers z_i and z_i z_j, i <= j: see `_terms`.

    Attributes
    ----------
    centre, filters
        Mean of all images (k2,), and the inverse of a root of the pooled covariance (k2, k2).
    intercepts
        Part that does not depend on the image (C,), minus infinity for classes without images.
    weights
        Weights of the t numbers (t, C).
    """

    centre: Float64
    filters: Float64
    intercepts: Float64
    weights: Float64

    @classmethod
    def of(cls, moments: ClassMoments) -> Self:
        """Fit from sums over images.

        A class's covariance is (n_c S_c + k2 S) / (n_c + k2) with the pooled covariance within classes S, as if k2 more
        images had the covariance S.
        """
        kept, n = moments.kept, max(float(moments.counts.sum()), 1)
        counts = moments.counts[:, None, None].astype(np.float64)
        centre, means, scatter, filters = whitening_filters(moments)
        covariances = (filters.T @ scatter @ filters + kept * np.eye(kept)) / (counts + kept)
        lower = np.linalg.cholesky(covariances)
        roots = np.linalg.inv(lower)
        precisions = roots.transpose(0, 2, 1) @ roots
        away = (means - centre) @ filters
        pulled = (precisions @ away[:, :, None])[:, :, 0]
        with np.errstate(divide="ignore"):
            intercepts = np.log(counts[:, 0, 0] / n)
        intercepts -= np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1) + (away * pulled).sum(axis=1) / 2
        first, second = np.triu_indices(kept)
        curved = -precisions[:, first, second]
        curved[:, first == second] /= 2
        return cls(centre, filters, intercepts, np.ascontiguousarray(np.concatenate([pulled, curved], axis=1).T))

    def predict(self, scores: Float64) -> Int64:
        """Predict the class of each image (n,), in float32 where that is exact enough; 0 if there are none."""
        places = (scores[:, : len(self.centre)] - self.centre) @ self.filters
        likeliest = np.zeros(len(scores), np.int64)
        rough = self._rough(places)
        for chosen, dtype in ((rough, np.float32), (~rough, np.float64)):
            rows = np.flatnonzero(chosen)
            if not len(rows):
                continue
            weights, intercepts = self.weights.astype(dtype), self.intercepts.astype(dtype)
            for block in _blocks(len(rows), max(weights.shape)):
                some = rows[block]
                posteriors = _terms(places[some].astype(dtype)) @ weights
                posteriors += intercepts
                likeliest[some] = posteriors.argmax(axis=1)
        return likeliest

    def _rough(self, places: Float64) -> Mask:
        """Whether float32 is exact enough for each of the places z (n, k2). It is not used for few classes.

        Rounding changes a product of t terms by about sqrt(t) times its precision times the norms of its factors
        (Higham and Mary, 2019). The norm of an image's terms is at most |z| sqrt(1 + |z|^2).
        """
        if len(self.intercepts) <= FEW:
            return np.zeros(len(places), np.bool_)
        squares = (places**2).sum(axis=1)
        steepest = float(np.sqrt((self.weights**2).sum(axis=0).max(initial=0)))
        precision = float(np.sqrt(len(self.weights)) * np.finfo(np.float32).eps / 2)
        rough: Mask = np.sqrt(squares * (1 + squares)) * steepest * precision <= ROUNDED
        return rough


def whitening_filters(moments: ClassMoments) -> tuple[Float64, Float64, Float64, Float64]:
    """Center the leading k2 scores of classes, and make their pooled covariance the identity.

    Returns
    -------
    tuple[Float64, Float64, Float64, Float64]
        Mean of all images (k2,), class means (C, k2), scatter of each class about its mean (C, k2, k2), and the inverse
        of a root of the pooled covariance (k2, k2). So (x - mean) @ filters has the identity as covariance within
        classes.
    """
    kept, n, present = moments.kept, max(float(moments.counts.sum()), 1), int((moments.counts > 0).sum())
    counts = moments.counts[:, None, None].astype(np.float64)
    centre = moments.sums[:, :kept].sum(axis=0) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.nan_to_num(moments.sums[:, :kept] / counts[:, 0])
    scatter = moments.class_cross - counts * means[:, :, None] * means[:, None, :]
    pooled = scatter.sum(axis=0) / max(n - present, 1)
    squares = np.diagonal(moments.cross)[:kept] / n
    pooled += np.diag(SINGULAR * np.where(squares > 0, squares, 1))
    return centre, means, scatter, np.linalg.inv(np.linalg.cholesky(pooled)).T


def _terms(places: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Coordinates z_i, then products z_i z_j for i <= j in the order of `numpy.triu_indices` (n, k2 (k2 + 3) / 2)."""
    n, kept = places.shape
    terms = np.empty((n, kept * (kept + 3) // 2), places.dtype)
    terms[:, :kept] = places
    start = kept
    for first in range(kept):
        stop = start + kept - first
        np.multiply(places[:, first, None], places[:, first:], out=terms[:, start:stop])
        start = stop
    return terms
