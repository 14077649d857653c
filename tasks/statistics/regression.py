"""How well scores predict numbers linearly, from sums over random parts of the images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Mask
from tasks.statistics.association import adjusted, expected_null, whitened
from tasks.statistics.ridge import best_penalties
from tasks.statistics.target_sums import ROUNDING, TargetSums, fold_of

LEAST_IMAGES = 50  # for a held-out check: with fewer, R^2 without association is often below -.1


class Fold(NamedTuple):
    """Ridge regression on the images outside of a fold.

    Attributes
    ----------
    parts
        Which parts are in the fold (G,).
    centre, means
        Mean scores (k,) and targets (T,) of the images learned from.
    weights
        Weights of the scores (k, T).
    """

    parts: Mask
    centre: Float64
    means: Float64
    weights: Float64

    def predict(self, scores: Float64) -> Float64:
        """Predict the targets (n, T) of images with scores (n, k)."""
        result: Float64 = (scores - self.centre) @ self.weights
        result += self.means
        return result


def folds(sums: TargetSums) -> Iterator[Fold]:
    """Yield each fold that holds images, with what ridge regression learns from the others; none of too few images.

    Each target has a penalty of its own, which generalized cross-validation chooses from the images learned from.
    """
    held = fold_of(np.arange(len(sums.counts)))
    numbers = np.unique(held[sums.counts > 0])
    if sums.counts.sum() < LEAST_IMAGES or len(numbers) == 1:
        return
    for number in numbers:
        learned = sums.centred(held != number)
        values, vectors = np.linalg.eigh(learned.scatter)
        values, along = np.maximum(values, 0), vectors.T @ learned.covariation
        penalties = best_penalties(values, along**2, learned.variation, learned.images)
        weights = vectors @ (along / (values[:, None] + penalties))
        yield Fold(held == number, learned.centre, learned.means, weights)


def held_out_r_squared(sums: TargetSums) -> Float64:
    """R^2 of ridge regression on the images of each fold, learned from the others (T,); NaN of too few images.

    The squared errors of all folds are added. They are compared with those of naming the mean of the images learned
    from, so R^2 is below 0 if the scores predict nothing.
    """
    error, reference = np.zeros(sums.targets.shape[1]), np.zeros(sums.targets.shape[1])
    for fold in folds(sums):
        asked = sums.about(fold.parts, fold.centre, fold.means)
        explained = fold.weights * (2 * asked.covariation - asked.scatter @ fold.weights)
        error += asked.variation - explained.sum(axis=0)
        reference += asked.variation
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(reference > ROUNDING * sums.squares.sum(axis=0), 1 - error / reference, np.nan)


@dataclass(frozen=True)
class Regression:
    """Share of the variance of each target that scores explain (T,). NaN where it is undefined.

    Attributes
    ----------
    r_squared, r_squared_adjusted
        Share that is linear in all scores, as it is and without its bias (Ezekiel, 1930). Images must outnumber the
        scores by two.
    held_out
        Share on images not learned from; see `held_out_r_squared`.
    """

    r_squared: Float64
    r_squared_adjusted: Float64
    held_out: Float64

    @classmethod
    def of(cls, sums: TargetSums) -> Self:
        """Compute the shares from sums over the images."""
        rank, number = sums.products.shape[1:]
        n = int(sums.counts.sum())
        r_squared = unbiased = np.full(number, np.nan)
        if n > rank + 1:
            found = sums.varying()
            explained = (whitened(found.scatter, found.covariation) ** 2).sum(axis=0)
            r_squared = np.minimum(explained / found.variation, 1)
            unbiased = adjusted(r_squared, expected_null(rank, n))
        return cls(r_squared, unbiased, held_out_r_squared(sums))
