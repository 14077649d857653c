"""Log-posteriors of the classes by quadratic discriminant analysis, of each image as if it had not been learned from.

A class has a normal density with the covariance (A_c + m S) / (n_c + m). A_c is the scatter of its n_c images about
their mean, S the pooled covariance within classes, and m the prior, as if m more images had the covariance S. The prior
is the one of `PRIORS` with the least log loss, at its best temperature, on a sample of the images. It is searched from
the strongest on, until log loss rises.

All is computed in coordinates in which S is the identity. There A_c + m S has the eigenvectors of A_c for any m.

An image is left out of its own class and of S by the formula of Sherman and Morrison (1950). Let n be the number of
images, C that of classes, d an image's score vector less the mean of its class c, and r = n_c / (n_c - 1). Without the
image, the scatter of its class is A_c - r d d', and the pooled covariance (n - C) / (n - C - 1) times
S - r d d' / (n - C). So m S becomes m S - t d d' with t = m r / (n - C), if m is lowered to
m' = m (n - C - 1) / (n - C). Were S left as it is, an image would lie too near its own class where patterns are not few
beside images, and wrong labels would look right.

For a class j, let e be the image's score vector less the class's mean. For its own class e is r d, t is larger by r,
and n_c smaller by 1. Let <u, v> be u' (A_j + m S)^-1 v. Then the squared distance is
(n_j + m') (<e, e> + t <e, d>^2 / (1 - t <d, d>)). The determinant of A_j + m S shrinks by 1 - t <d, d>.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.calibration import log_loss, temperature
from tasks.statistics.classifiers import PRODUCT_SIZE, whitening_filters
from tasks.statistics.scatter import ClassMoments

PRIORS = 2.0 ** np.arange(-2, 11)  # times the number of patterns
LEAST = 1e-9  # of 1 - t <d, d>, which rounding could make negative


class _Spectra(NamedTuple):
    """Classes of `counts` (C,) images, in coordinates `(x - centre) @ filters` with the identity as pooled covariance.

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
        Means of the classes in the coordinates `(x - centre) @ filters` (C, k2).
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
        rows = np.flatnonzero(entered)
        distances = np.empty((len(scores), len(self.counts)))
        products, leverages = np.empty((2, len(rows), len(self.counts)))
        step = max(1, PRODUCT_SIZE // max(coordinates.size, 1))  # classes at once: many classes have few patterns
        for start in range(0, len(self.counts), step):
            some = slice(start, start + step)
            turned = (coordinates - self.places[some, None]).astype(np.float32) @ self.roots[some]
            distances[:, some] = np.einsum("cij,cij->ic", turned, turned)
            own = self._turned(turned[:, rows], coordinates[rows], labels[rows], some)
            products[:, some] = np.einsum("cij,cij->ic", turned[:, rows], own)
            leverages[:, some] = np.einsum("cij,cij->ic", own, own)
        result = self.peaks - (self.counts + self.prior) / 2 * distances
        result[rows] = self._without(distances[rows], products, leverages, labels[rows])
        return result

    def _turned(self, turned: Float32, coordinates: Float64, labels: Int64, some: slice) -> Float32:
        """The vectors d by the roots of some classes (c, n, k2), from `turned`, the vectors e by the same roots."""
        if len(self.counts) > len(labels):
            found: Float32 = (coordinates - self.places[labels]).astype(np.float32) @ self.roots[some]
            return found
        # Each d is e and what lies between the two class means, of which there are few.
        between = (self.places[some, None] - self.places).astype(np.float32) @ self.roots[some]
        return turned + between[:, labels]

    def _without(self, distances: Float64, products: Float64, leverages: Float64, labels: Int64) -> Float64:
        """Log-posteriors (n, C) if each image is left out, from <e, e>, <e, d> and <d, d> by class (n, C)."""
        own = np.arange(len(labels)), labels
        several = self.counts[labels] > 1
        ratio = np.where(several, self.counts[labels] / np.maximum(self.counts[labels] - 1, 1), 1)
        freedom = max(self.counts.sum() - (self.counts > 0).sum(), 1)
        prior = (self.prior * np.where(several, max(freedom - 1, 1) / freedom, 1))[:, None]
        taken = np.tile((self.prior / freedom * ratio)[:, None], len(self.counts))
        taken[own] += ratio
        distances[own] *= ratio**2
        products[own] *= ratio
        counts = np.tile(self.counts, (len(labels), 1))
        counts[own] -= several
        rest = np.maximum(1 - taken * leverages, LEAST)
        determinants = np.log(rest) + len(self.centre) * np.log((self.counts + self.prior) / (counts + prior))
        found: Float64 = self.peaks - (determinants + (counts + prior) * (distances + taken * products**2 / rest)) / 2
        found[own] -= np.where(several, np.log(ratio), np.inf)
        return found
