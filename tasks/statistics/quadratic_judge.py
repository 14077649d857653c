"""Log-posteriors of the classes by quadratic discriminant analysis, of each image as if it had not been learned from.

A class has a normal density with the covariance (A_c + m S) / (n_c + m): A_c is the scatter of its n_c images about
their mean, S the pooled covariance within classes, and m the prior, as if m more images had the covariance S. The prior
is the one of `PRIORS` with the least log loss, at its best temperature, on a sample of the images. It is searched from
the strongest on, until log loss rises.

All is computed in coordinates in which S is the identity. There A_c + m S has the eigenvectors of A_c for any m.

An image is left out of its own class by the formula of Sherman and Morrison (1950); S is not changed. Let d be its
score vector less the class's mean, q = d' (A_c + m S)^-1 d and r = n_c / (n_c - 1). Without the image, the scatter is
A_c - r d d', so that the determinant of A_c + m S shrinks by 1 - r q. The distance from the mean grows to r d, and its
square to (n_c - 1 + m) r^2 q / (1 - r q).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.calibration import log_loss, temperature
from tasks.statistics.classifiers import PRODUCT_SIZE, whitening_filters
from tasks.statistics.scatter import ClassMoments

PRIORS = 2.0 ** np.arange(-2, 11)  # times the number of patterns
LEAST = 1e-9  # of 1 - r q, which rounding could make negative


class _Spectra(NamedTuple):
    """Classes of `counts` (C,) images, in coordinates (x - centre) @ filters with the identity as pooled covariance.

    The class means lie at `places` (C, k2). The scatter of a class has the eigenvalues `values` (C, k2) and the
    eigenvectors `vectors` (C, k2, k2).
    """

    centre: Float64
    filters: Float64
    places: Float64
    values: Float64
    vectors: Float64
    counts: Float64

    @classmethod
    def of(cls, moments: ClassMoments) -> Self:
        centre, means, scatter, filters = whitening_filters(moments)
        whitened = filters.T @ scatter @ filters
        values, vectors = np.linalg.eigh((whitened + whitened.transpose(0, 2, 1)) / 2)
        counts = moments.counts.astype(np.float64)
        return cls(centre, filters, (means - centre) @ filters, np.maximum(values, 0), vectors, counts)


@dataclass(frozen=True)
class QuadraticJudge:
    """Normal densities of classes in the leading k2 scores, times their frequencies.

    Attributes
    ----------
    centre, filters
        Mean of all images (k2,), and the inverse of a root of the pooled covariance (k2, k2).
    places
        Means of the classes in the coordinates (x - centre) @ filters (C, k2).
    roots
        Matrices that turn an image's coordinates less those of a class's mean into a vector of squared length q
        (C, k2, k2).
    peaks
        Log of the class's frequency, less half of the log-determinant of its covariance (C,).
    counts
        Number of images of each class (C,).
    prior
        The number m.
    """

    centre: Float64
    filters: Float64
    places: Float64
    roots: Float32
    peaks: Float64
    counts: Float64
    prior: float

    @classmethod
    def of(cls, moments: ClassMoments, scores: Float64, labels: Int64, *, entered: bool) -> Self:
        """Fit from sums over images.

        Parameters
        ----------
        moments
            The sums.
        scores, labels
            Scores (n, k) and labels (n,) of the images that the prior is chosen by.
        entered
            Whether these images are in the sums.
        """
        spectra = _Spectra.of(moments)
        best, least = cls._of(spectra, float(PRIORS[-1] * moments.kept)), np.inf
        for prior in (PRIORS[::-1] * moments.kept).tolist():
            judge = cls._of(spectra, prior)
            logs = judge.log_posteriors(scores, labels, np.full(len(labels), entered))
            loss = log_loss(temperature(logs, labels) * logs, labels)
            if not loss < least:
                break
            best, least = judge, loss
        return best

    @classmethod
    def _of(cls, spectra: _Spectra, prior: float) -> Self:
        counts = spectra.counts
        with np.errstate(divide="ignore"):
            frequencies = np.log(counts / max(counts.sum(), 1))
        roots = (spectra.vectors / np.sqrt(spectra.values + prior)[:, None, :]).astype(np.float32)
        peaks = frequencies - np.log((spectra.values + prior) / (counts + prior)[:, None]).sum(axis=1) / 2
        return cls(spectra.centre, spectra.filters, spectra.places, roots, peaks, counts, prior)

    def log_posteriors(self, scores: Float64, labels: Int64, entered: Mask) -> Float64:
        """Log-posteriors of images (n, C), but for a constant of each image.

        They are minus infinity for a class without images, and for the label of its only image.

        Parameters
        ----------
        scores, labels
            Scores (n, k) and labels (n,).
        entered
            Whether the image is in the sums with its label, so that it must be left out (n,).
        """
        coordinates = (scores[:, : len(self.centre)] - self.centre) @ self.filters
        distances = np.empty((len(scores), len(self.counts)))
        step = max(1, PRODUCT_SIZE // max(coordinates.size, 1))  # classes at once: many classes have few patterns
        for start in range(0, len(self.counts), step):
            some = slice(start, start + step)
            turned = (coordinates - self.places[some, None]).astype(np.float32) @ self.roots[some]
            distances[:, some] = np.einsum("cij,cij->ic", turned, turned)
        rows = np.flatnonzero(entered)
        own = self._without(distances[rows, labels[rows]], labels[rows])
        result = self.peaks - (self.counts + self.prior) / 2 * distances
        result[rows, labels[rows]] = own
        return result

    def _without(self, distances: Float64, labels: Int64) -> Float64:
        """Log-posteriors of the labels (n,) if each image, at distance q (n,), is left out of its class."""
        n, prior = self.counts[labels], self.prior
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = n / (n - 1)
            rest = np.maximum(1 - ratio * distances, LEAST)
            determinant = np.log(rest) + len(self.centre) * np.log((n + prior) / (n - 1 + prior))
            far = (n - 1 + prior) * ratio**2 * distances / rest
            found: Float64 = self.peaks[labels] - np.log(ratio) - (determinant + far) / 2
        return np.where(n > 1, found, -np.inf)
