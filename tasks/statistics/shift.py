"""Split shift: whether held-out images have other scores than the images of the same classes that patterns fit."""

from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.ranks import BINS
from tasks.statistics.scatter import HELD_OUT, ClassMoments, ClassScatter

NORMAL_KURTOSIS = 3.0
CAUTION = 1.5  # the kurtosis of a sample is too small where tails are heavy
MOST_OPTIMISM = 0.02  # above, a smaller variance of held-out images is no sign of a shift


class Shift(NamedTuple):
    """The shift of each pattern's scores (k,); NaN where there are too few images.

    Attributes
    ----------
    mean
        Mean of the held-out images less that of the others, class by class, in deviations within classes.
    variance_ratio
        Variance of the held-out images within classes over that of the others; NaN too where optimism is too large.
    p_value
        p-value of the larger of both shifts, corrected for looking at both.
    """

    mean: Float64
    variance_ratio: Float64
    p_value: Float64


def split_shift(scatter: ClassScatter, histogram: Int64, optimism: Float64) -> Shift:
    """Compare held-out images with all others, class by class, so that classes may be of other sizes there.

    Means are compared by a t test. Variances are compared by the large-sample variance (b - 1) / f of the logarithm of
    a variance with f degrees of freedom, where b is one and a half times the kurtosis of the scores.

    Parameters
    ----------
    scatter, histogram
        Moments of the scores of all images, and histogram (k, BINS) of those that patterns are fitted on.
    optimism
        Part by which each pattern's variance is larger in the images that it was fitted on (k,): see `optimism`.
    """
    from scipy.special import ndtr, stdtr  # noqa: PLC0415 - slow to import, and workers do not need it

    parts = scatter.take(0, list(range(HELD_OUT))), scatter.take(0, [HELD_OUT])
    both = (parts[0].counts > 0) & (parts[1].counts > 0)
    within, freedom = zip(*(_within(part) for part in parts), strict=True)
    if not both.any() or min(freedom) < 1:
        return Shift(*np.full((3, scatter.sums.shape[-1]), np.nan))
    weights = parts[1].counts[both] / parts[1].counts[both].sum()
    means = [part.sums[both] / part.counts[both, None] for part in parts]
    error = sum(
        spread * (weights**2 / part.counts[both]).sum() for spread, part in zip(within, parts, strict=True)
    )  # of the mean, squared
    with np.errstate(divide="ignore", invalid="ignore"):
        away = weights @ (means[1] - means[0])
        ratio = np.where(optimism > MOST_OPTIMISM, np.nan, within[1] / within[0])
        of_variance = np.log(ratio) / np.sqrt((CAUTION * kurtosis(histogram) - 1) * (1 / freedom[0] + 1 / freedom[1]))
        of_mean = away / np.sqrt(error)
        mean = away / np.sqrt(within[0])
    p_values = 2 * stdtr(min(freedom), -np.abs(of_mean)), 2 * ndtr(-np.abs(of_variance))
    return Shift(mean, ratio, np.minimum(2 * np.fmin(*p_values), 1))


def optimism(squares: Float64, energy: float, fitted: int) -> Float64:
    """Part by which a pattern's variance is larger in the images that it was fitted on than in others (k,), about.

    In these images a pattern turns towards what it shares with other directions by chance. To first order (Lawley,
    1956), weak directions with the sum of variances t add t / n to the variance s^2 / n of a pattern, and take the same
    from its variance in other images.

    Parameters
    ----------
    squares, energy
        Squared singular values s^2 (k,), and energy of the images about their mean.
    fitted
        Number of images n.
    """
    left = max(energy - float(squares.sum()), 0.0)
    result: Float64 = 2 * left / (fitted * squares)
    return result


def _within(moments: ClassMoments) -> tuple[Float64, int]:
    """Variance within classes of each pattern's scores (k,), and its degrees of freedom."""
    present = moments.counts > 0
    freedom = int(moments.counts.sum() - present.sum())
    between = (moments.sums[present] ** 2 / moments.counts[present, None]).sum(axis=0)
    return np.maximum(np.diagonal(moments.cross) - between, 0) / max(freedom, 1), freedom


def kurtosis(histogram: Int64) -> Float64:
    """Kurtosis of each pattern's scores (k,) from their histogram (k, BINS), at least that of a normal distribution."""
    places = (np.arange(BINS) + 0.5) / (BINS / 2) - 1
    scores = places / (1 - np.abs(places))
    counts = histogram / np.maximum(histogram.sum(axis=1, keepdims=True), 1)
    away = scores - (counts @ scores)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (counts * away**4).sum(axis=1) / (counts * away**2).sum(axis=1) ** 2
    return np.asarray(np.fmax(found, NORMAL_KURTOSIS), np.float64)
