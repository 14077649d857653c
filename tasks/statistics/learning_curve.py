"""Predict how well ridge regression would classify images if it learned from fewer or more images.

The spectrum of the scores and their alignment with the classes give the expected error of ridge regression in closed
form (Canatar, Bordelon and Pehlevan, 2021; Simon, Dickens, Karkada and DeWeese, 2023). Simon et al. call the factors
l below learnabilities of single modes. The learnability of `tasks.statistics.association` is Pillai's trace of all
patterns, which does not depend on a number of images to learn from.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Int64

SINGULAR = 1e-10  # eigenvalues below this fraction of the largest are rounding errors
RIDGES = np.logspace(-12, 6, 181)  # effective ridges that are tried, in multiples of the largest eigenvalue
FEWEST, STEPS = 100, (1, 2, 5)  # first number of images, and the steps to its tenfold
FACTOR = 100  # largest number of images, in multiples of those learned from
DEVIATIONS = np.linspace(-9.0, 21.0, 3001)  # grid for integrals over a normal density
FARTHEST = 12.0  # largest separation of a class, in deviations
HALVINGS = 40


@dataclass(frozen=True)
class Alignment:
    """The spectrum of the scores, and how much of the classes each of its directions explains.

    Attributes
    ----------
    eigenvalues
        Variances of the scores along their principal axes (m,), without those that are 0.
    explained
        Variance of the classes' indicators, all together, that is linear in each axis, without bias (m,). Single values
        may be negative.
    variance
        Variance of the indicators, all together.
    images
        Number n of images it comes from.
    """

    eigenvalues: Float64
    explained: Float64
    variance: float
    images: int

    @classmethod
    def of(cls, counts: Int64, sums: Float64, cross: Float64) -> Self | None:
        """Compute the alignment from sums over the images; None if they are too few for so many patterns.

        A direction that has nothing to do with the classes explains (1 - R^2) / n of their variance by chance, where
        R^2 is the adjusted one. That is subtracted, so n must exceed m + 1.

        Parameters
        ----------
        counts, sums
            Number of images (C,) and sum of scores (C, k) of each class.
        cross
            Sum of outer products of scores (k, k).
        """
        n = int(counts.sum())
        if n < 2 or (counts > 0).sum() < 2:  # noqa: PLR2004
            return None
        mean, frequencies = sums.sum(axis=0) / n, counts / n
        values, vectors = np.linalg.eigh(cross / n - np.outer(mean, mean))
        real = values > SINGULAR * values[-1]
        values, vectors = values[real], vectors[:, real]
        if not 0 < len(values) < n - 1:
            return None
        covariance = vectors.T @ (sums / n - np.outer(frequencies, mean)).T
        explained = (covariance**2).sum(axis=1) / values
        variance = float((frequencies * (1 - frequencies)).sum())
        noise = (variance - explained.sum()) / (n - 1 - len(values))
        return cls(values, explained - noise, variance, n)

    def r_squared(self, images: int) -> float:
        """Predict R^2 on unseen images after learning from some number of images, with the best ridge.

        With l = eigenvalue / (eigenvalue + r) for the effective ridge r, the expected squared error is
        n / (n - sum l^2) times (sum (1 - l)^2 explained + what no axis explains). Ridges of which sum l exceeds n do
        not exist.
        """
        factors = self.eigenvalues / (self.eigenvalues + RIDGES[:, None] * self.eigenvalues[-1])
        factors = factors[factors.sum(axis=1) < images]
        unexplained = self.variance - self.explained.sum()
        errors = ((1 - factors) ** 2 @ self.explained + unexplained) / (1 - (factors**2).sum(axis=1) / images)
        return 1 - float(errors.min()) / self.variance


def numbers_of_images(images: int) -> list[int]:
    """Numbers of images to predict for: round ones from 100 to 100 times those learned from, these, and twice these."""
    round_ones = (FEWEST * 10**power * step for power in range(20) for step in STEPS)
    return sorted({*(one for one in round_ones if one <= FACTOR * images), images, 2 * images})


def accuracies(alignment: Alignment, images: list[int], measured: float, chance: float) -> Float64:
    """Predict the accuracy on unseen images after learning from each number of images (m,), from a measured one.

    The fit of an image's class exceeds that of the others by d deviations, where d^2 is proportional to
    R^2 / (1 - R^2), as for normal scores. The measured accuracy gives the factor.

    Parameters
    ----------
    alignment
        The alignment, from the images learned from.
    images
        The numbers of images.
    measured
        Accuracy on unseen images of what was learned from the images of the alignment.
    chance
        Accuracy of guessing.

    Returns
    -------
    numpy.ndarray
        The accuracies, NaN if the measured one is not above chance.
    """
    own = alignment.r_squared(alignment.images)
    if not (chance < measured < 1 and 0 < own < 1):
        return np.full(len(images), np.nan)
    factor = separation_at(measured, 1 / chance) ** 2 / (own / (1 - own))
    found = np.clip([alignment.r_squared(one) for one in images], 0, 1 - 1e-9)
    return np.array([accuracy_at(min(np.sqrt(factor * one / (1 - one)), FARTHEST), 1 / chance) for one in found])


def accuracy_at(separation: float, choices: float) -> float:
    """Probability that one normal variable, whose mean is larger by the separation, exceeds all others."""
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import, and workers do not need it

    density = np.exp(-((DEVIATIONS - separation) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float(np.trapezoid(density * ndtr(DEVIATIONS) ** (choices - 1), DEVIATIONS))


def separation_at(accuracy: float, choices: float) -> float:
    """Invert `accuracy_at`."""
    low, high = 0.0, FARTHEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if accuracy_at(middle, choices) < accuracy else (low, middle)
    return (low + high) / 2
