"""How well scores predict numbers linearly, from sums over the images."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64
from tasks.statistics.association import adjusted, expected_null, whitened
from tasks.statistics.groups import FEWEST_GROUPS
from tasks.statistics.intervals import interval
from tasks.statistics.ridge import best_penalties
from tasks.statistics.target_sums import ROUNDING, Moments, TargetSums

LEARNED, JUDGED = 0, 1  # parts of the images of a held-out check
LEAST_IMAGES = 50  # to learn from, and to judge: R^2 of fewer says little


@dataclass(frozen=True)
class Shares:
    """Share of the variance of each target that is linear in the scores (T,). NaN unless n > k + 1.

    Attributes
    ----------
    r_squared, adjusted
        The share as it is, and without its bias: 1 - (1 - R^2) (n - 1) / (n - k - 1) (Ezekiel, 1930).
    """

    r_squared: Float64
    adjusted: Float64

    @classmethod
    def of(cls, moments: Moments) -> Self:
        """Compute the shares from moments about the means."""
        n, rank = moments.images, len(moments.scatter)
        if n <= rank + 1:
            unknown = np.full(len(moments.variation), np.nan)
            return cls(unknown, unknown)
        explained = (whitened(moments.scatter, moments.covariation) ** 2).sum(axis=0)
        r_squared = np.minimum(explained / moments.variation, 1)
        return cls(r_squared, adjusted(r_squared, expected_null(rank, n)))


def intervals(sums: TargetSums) -> Float64:
    """95 % intervals (2, T) of `Shares.adjusted`, as of learnability: by a jackknife over the parts, which are random.

    NaN with fewer than `FEWEST_GROUPS` parts that hold images, or with too few images.
    """
    unknown = np.full((2, sums.targets.shape[1]), np.nan)
    if (sums.counts > 0).sum() < FEWEST_GROUPS:
        return unknown
    whole, rank = sums.whole(), sums.products.shape[1]
    left_out = np.array([Shares.of(rest).adjusted for rest in sums.without_each()])
    estimate = Shares.of(whole).adjusted
    known = np.isfinite(left_out).all(axis=0) & np.isfinite(estimate)
    if known.any():
        found = estimate[known], left_out[:, known]
        unknown[:, known] = interval(*found, rank / whole.images, whole.images, debias=True)
    return unknown


class RidgeFit(NamedTuple):
    """Ridge regression of targets on scores. Each target has a penalty of its own.

    Attributes
    ----------
    centre, means
        Mean scores (k,) and targets (T,) of the images learned from.
    weights
        Weights of the scores (k, T).
    spread
        Standard deviation of the fits of the images learned from (T,).
    """

    centre: Float64
    means: Float64
    weights: Float64
    spread: Float64

    @classmethod
    def of(cls, learned: Moments) -> Self:
        """Fit from moments about the means."""
        values, vectors = np.linalg.eigh(learned.scatter)
        values, along = np.maximum(values, 0), vectors.T @ learned.covariation
        penalties = best_penalties(values, along**2, learned.variation, learned.images)
        weights = vectors @ (along / (values[:, None] + penalties))
        squares = (weights * (learned.scatter @ weights)).sum(axis=0)
        return cls(learned.centre, learned.means, weights, np.sqrt(np.maximum(squares, 0) / learned.images))

    def predict(self, scores: Float64) -> Float64:
        """Predict the targets (n, T) of images with scores (n, k), less their means."""
        result: Float64 = (scores - self.centre) @ self.weights
        return result


def fit_learned(sums: TargetSums) -> RidgeFit | None:
    """Fit ridge regression on the part `LEARNED`; None unless it and the part `JUDGED` have `LEAST_IMAGES`."""
    if sums.counts.min() < LEAST_IMAGES:
        return None
    return RidgeFit.of(sums.centred(np.array([True, False])))


def held_out_r_squared(sums: TargetSums) -> Float64:
    """R^2 of ridge regression on the part `JUDGED`, learned from the part `LEARNED` (T,); NaN with too few images.

    Squared errors are compared with those of naming the mean of the images learned from. So R^2 is below 0 if scores
    predict nothing.
    """
    explained, variation = held_out_share(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Float64 = explained / variation
    return result


def held_out_share(sums: TargetSums) -> tuple[Float64, Float64]:
    """How much less the squared errors of `held_out_r_squared` are than those of naming the mean, and these (T,).

    Both are NaN with too few images, and the second also for a target that does not vary among the judged images.
    """
    fit = fit_learned(sums)
    if fit is None:
        unknown = np.full(sums.targets.shape[1], np.nan)
        return unknown, unknown
    asked = sums.about(np.array([False, True]), fit.centre, fit.means)
    explained = (fit.weights * (2 * asked.covariation - asked.scatter @ fit.weights)).sum(axis=0)
    varies = asked.variation > ROUNDING * sums.squares[JUDGED]
    return explained, np.where(varies, asked.variation, np.nan)
