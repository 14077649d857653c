"""First-order association of scores and classes, from mergeable sums over the images.

For each pattern, the one-way analysis of variance compares the sums of squares between and within classes, SSB and SSW,
with SST = SSB + SSW. Effect sizes are eta squared, omega squared and Cohen's d; p-values come from the F and t
distributions. q-values (Benjamini and Hochberg, 1995) come from tests that hold their level where spreads differ too:
see `tasks.statistics.means`. Learnability is Pillai's trace over C - 1, which treats all patterns together.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Self, TypeVar

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.means import brown_forsythe, spread_ratio, welch_t
from tasks.statistics.sums import LabelSums, Sums, grouped

T = TypeVar("T", float, Float64)

SIGNIFICANT = 0.05  # patterns with a q-value below this count as associated
WELL_CONDITIONED = 1e-6  # smallest over largest pivot of the total scatter, above which it is inverted by Cholesky
SINGULAR = 1e-10  # eigenvalues of the total scatter below this fraction of the largest are rounding errors


@dataclass(frozen=True)
class ClassSums(Sums):
    """Sums over images of their scores, or of other numbers.

    Attributes
    ----------
    counts
        Number of images of each class (C,).
    sums, squares
        Sum of scores and of squared scores of each class (C, k).
    cross
        Sum of outer products of scores (k, k).
    shuffled
        Counts (R, C) and sums (R, C, k) under each permutation of the labels.
    shuffled_squares
        Sums of squared scores under each permutation of the labels (R, C, k).
    """

    counts: Int64
    sums: Float64
    squares: Float64
    cross: Float64
    shuffled: LabelSums
    shuffled_squares: Float64

    @classmethod
    def of(cls, scores: Float64, labels: Int64, shuffled: Int64, classes: int) -> Self:
        """Sum over some images with scores (n, k), labels (n,) and shuffled labels (R, n)."""
        counts, sums = grouped(scores, labels, classes)
        return cls(
            counts=counts,
            sums=sums,
            squares=grouped(scores**2, labels, classes)[1],
            cross=scores.T @ scores,
            shuffled=LabelSums.of(scores, shuffled, classes),
            shuffled_squares=LabelSums.of(scores**2, shuffled, classes).sums,
        )


@dataclass(frozen=True)
class Variance:
    """One-way analysis of variance of each pattern over the classes; arrays (k,). NaN where it is undefined.

    Attributes
    ----------
    eta_squared
        SSB / SST.
    omega_squared
        (SSB - (C - 1) MSW) / (SST + MSW): eta squared without its bias.
    f_statistic, p_value
        [SSB / (C - 1)] / MSW, and its p-value by the distribution F(C - 1, n - C).
    within
        Mean square within classes, MSW = SSW / (n - C).
    """

    eta_squared: Float64
    omega_squared: Float64
    f_statistic: Float64
    p_value: Float64
    within: Float64


def variance(counts: Int64, sums: Float64, cross: Float64) -> Variance:
    """Compute the analysis of variance from sums over the images; classes without images are left out."""
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    n, classes = int(counts.sum()), int((counts > 0).sum())
    total, between = _squares(counts, sums, np.diagonal(cross))
    within_sum = np.maximum(total - between, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = within_sum / (n - classes) if n > classes else np.full_like(total, np.nan)
        f_statistic = between / (classes - 1) / within
        p_value = fdtrc(classes - 1, max(n - classes, 1), f_statistic)
        shares = np.minimum(between / total, 1)
    return Variance(
        eta_squared=shares,
        omega_squared=omega_squared(shares, n, classes),
        # If no class varies, F is infinite: the classes are certainly different, but F has no value.
        f_statistic=np.where(np.isinf(f_statistic), np.nan, f_statistic),
        p_value=p_value,
        within=within,
    )


def eta_squared(counts: Int64, sums: Float64, squares: Float64) -> Float64:
    """Fraction of the variance of each pattern's scores that lies between classes (..., k), NaN without variance.

    Parameters
    ----------
    counts, sums
        Number of images (..., C) and sum of scores (..., C, k) of each class.
    squares
        Sum of squared scores of all images (..., k).
    """
    total, between = _squares(counts, sums, squares)
    return np.minimum(between / total, 1)


def omega_squared(eta_squared: Float64, n: int | Int64, classes: int) -> Float64:
    """Eta squared (..., k) without its bias: (SSB - (C - 1) MSW) / (SST + MSW), NaN unless n > C."""
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(n > classes, (1 - eta_squared) / (n - classes), np.nan)
    result: Float64 = (eta_squared - (classes - 1) * within) / (1 + within)
    return result


def _squares(counts: Int64, sums: Float64, squares: Float64) -> tuple[Float64, Float64]:
    """Total and between-class sum of squares of each pattern (..., k); the total is NaN if it is a rounding error."""
    total = squares - sums.sum(axis=-2) ** 2 / counts.sum(axis=-1)[..., None]
    # A constant pattern has no variance; a rounding error must not be taken for one.
    total[total <= np.finfo(np.float64).eps * squares] = np.nan
    return total, (counts[..., None] * _deviations(counts, sums) ** 2).sum(axis=-2)


def learnability(counts: Int64, sums: Float64, cross: Float64) -> float:
    """Learnability in [0, 1]: Pillai's trace tr(T^-1 B) over C - 1, NaN with fewer than two classes or no scores.

    T is the total and B the between-class scatter of the scores.
    """
    return float(learnabilities(counts[None], sums[None], cross[None])[0])


def learnabilities(counts: Int64, sums: Float64, cross: Float64) -> Float64:
    """Learnability of each of several sets of images (R,), from counts (R, C), sums (R, C, k) and cross (R, k, k)."""
    n, classes = counts.sum(axis=1), (counts > 0).sum(axis=1)
    total = sums.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = cross - total[:, :, None] * (total / n[:, None])[:, None, :]
        columns = (_deviations(counts, sums) * np.sqrt(counts)[..., None]).transpose(0, 2, 1)
        known = (classes > 1) & np.isfinite(scatter).all(axis=(1, 2)) & (cross.shape[1] > 0)
        result = np.full(len(counts), np.nan)
    if known.any():
        result[known] = (whitened(scatter[known], columns[known]) ** 2).sum(axis=(1, 2)) / (classes[known] - 1)
    return result


def whitened_means(counts: Int64, sums: Float64, cross: Float64) -> tuple[Float64, Int64]:
    """Deviations of class means (C', k), whitened so that the total scatter is the identity, and class sizes (C',).

    Classes without images are left out; directions without variance give 0.
    """
    present, total = counts > 0, sums.sum(axis=0)
    scatter = cross - np.outer(total, total / counts.sum())
    return whitened(scatter, _deviations(counts, sums)[present].T).T, counts[present]


def whitened(scatter: Float64, columns: Float64) -> Float64:
    """Compute R' columns (..., k, C), where R R' is the inverse of the scatter (..., k, k), or its pseudo-inverse."""
    with suppress(np.linalg.LinAlgError):
        lower = np.linalg.cholesky(scatter)
        pivots = np.diagonal(lower, axis1=-2, axis2=-1) ** 2
        if (pivots.min(axis=-1) > WELL_CONDITIONED * pivots.max(axis=-1)).all():
            return np.linalg.solve(lower, columns)
    values, vectors = np.linalg.eigh(scatter)
    kept = values > SINGULAR * values[..., -1:]
    roots = np.divide(1, np.sqrt(values, where=kept, out=np.ones_like(values)), where=kept, out=np.zeros_like(values))
    result: Float64 = (vectors * roots[..., None, :]).swapaxes(-2, -1) @ columns
    return result


def _deviations(counts: Int64, sums: Float64) -> Float64:
    """Class means minus the mean of all (..., C, k); zero for classes without images."""
    mean = sums.sum(axis=-2, keepdims=True) / counts.sum(axis=-1)[..., None, None]
    own = np.divide(sums, counts[..., None], where=counts[..., None] > 0, out=np.zeros_like(sums))
    return np.where(counts[..., None] > 0, own - mean, 0)


def q_values(p_values: Float64) -> Float64:
    """Adjust p-values by Benjamini and Hochberg, over all that are not NaN; the shape stays."""
    result = np.full(p_values.shape, np.nan)
    known = p_values[~np.isnan(p_values)]
    order = np.argsort(known)[::-1]
    # The lowest level at which each is accepted. scipy.stats has this too, but its import takes half a second.
    levels = np.minimum.accumulate(known[order] * (len(known) / np.arange(len(known), 0, -1)))
    adjusted = np.empty_like(known)
    adjusted[order] = np.minimum(levels, 1)
    result[~np.isnan(p_values)] = adjusted
    return result


def permutation_p_value(value: float, shuffled: Float64) -> float:
    """Part of all shuffles (R,), and the true value among them, that are at least the value; NaN if it is NaN.

    This is never 0, as the probability of so large a value by chance is not (Phipson and Smyth, 2010).
    """
    return (1 + float((shuffled >= value).sum())) / (1 + len(shuffled)) if np.isfinite(value) else float("nan")


@dataclass(frozen=True)
class PairStatistics:
    """One class against all others on each pattern; arrays (k, C). NaN where a class has no images.

    Attributes
    ----------
    mean_score
        Mean score of the class.
    cohens_d
        (class mean - mean of the others) / sqrt(MSW).
    p_value
        Two-sided p-value of t = d sqrt(n_c (n - n_c) / n) with n - C degrees of freedom.
    welch_statistic, welch_p_value
        Welch's t of the class against all others, and its two-sided p-value.
    q_value
        p-value of Welch's test adjusted by Benjamini and Hochberg over all pairs.
    energy_share
        The class's fraction of the pattern's sum of squared scores.
    """

    mean_score: Float64
    cohens_d: Float64
    p_value: Float64
    welch_statistic: Float64
    welch_p_value: Float64
    q_value: Float64
    energy_share: Float64


def pairs(sums: ClassSums, within: Float64) -> PairStatistics:
    """Compute the statistics of every pattern and class; `within` is MSW of each pattern (k,)."""
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import, and workers do not need it

    counts = sums.counts[:, None].astype(np.float64)
    n, classes = counts.sum(), int((sums.counts > 0).sum())
    effects = _effects(sums.counts, sums.sums, within)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums.sums / counts
        t_statistic = effects * np.sqrt(counts * (n - counts) / n)
        energy_share = sums.squares / np.diagonal(sums.cross)
    p_value = 2 * stdtr(max(n - classes, 1), -np.abs(t_statistic))
    tested = welch_t(sums.counts, sums.sums, sums.squares)
    return PairStatistics(
        mean_score=mean.T,
        cohens_d=_finite(effects).T,
        p_value=p_value.T,
        welch_statistic=tested.statistic.T,
        welch_p_value=tested.p_value.T,
        q_value=q_values(tested.p_value.T),
        energy_share=energy_share.T,
    )


def _effects(counts: Int64, sums: Float64, within: Float64) -> Float64:
    """Cohen's d (C, k), infinite where no class varies, NaN where a class has no images or all images."""
    own = counts[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_of_others = (sums.sum(axis=0) - sums) / (own.sum() - own)
        result: Float64 = (sums / own - mean_of_others) / np.sqrt(within)
    return result


def _finite(values: Float64) -> Float64:
    """Replace infinity by NaN: as with F, a difference between classes that do not vary has no finite size."""
    return np.where(np.isinf(values), np.nan, values)


@dataclass(frozen=True)
class Control:
    """Statistics under shuffled labels.

    Attributes
    ----------
    eta_squared
        Eta squared under each permutation (R, k).
    learnability
        Learnability under each permutation (R,).
    significant
        Number of patterns with q < 0.05 under each permutation (R,), NaN if none can be tested.
    spread_ratio
        Largest over smallest standard deviation of a class under each permutation (R, k).
    cohens_d
        Largest magnitude of Cohen's d over the permutations (k, C).
    """

    eta_squared: Float64
    learnability: Float64
    significant: Float64
    spread_ratio: Float64
    cohens_d: Float64


def control(sums: ClassSums) -> Control:
    """Compute the statistics under every permutation of the labels."""
    permutations = list(zip(sums.shuffled.counts, sums.shuffled.sums, strict=True))
    with_squares = list(zip(sums.shuffled.counts, sums.shuffled.sums, sums.shuffled_squares, strict=True))
    results = [variance(counts, totals, sums.cross) for counts, totals in permutations]
    return Control(
        eta_squared=np.stack([result.eta_squared for result in results]),
        learnability=shuffled_learnability(sums),
        significant=np.array([significant(q_values(brown_forsythe(*each).p_value)) for each in with_squares]),
        spread_ratio=np.stack([spread_ratio(*each) for each in with_squares]),
        cohens_d=largest(
            np.abs(_finite(_effects(counts, totals, result.within))).T
            for (counts, totals), result in zip(permutations, results, strict=True)
        ),
    )


def shuffled_learnability(sums: ClassSums) -> Float64:
    """Learnability under every permutation of the labels (R,)."""
    return np.array(
        [
            learnability(counts, totals, sums.cross)
            for counts, totals in zip(sums.shuffled.counts, sums.shuffled.sums, strict=True)
        ]
    )


def largest(controls: Iterable[Float64]) -> Float64:
    """Elementwise maximum of several arrays, NaN only where all are NaN; holds one array at a time."""
    return reduce(np.fmax, controls)


def significant(q_values: Float64) -> float:
    """Number of patterns with q < 0.05; NaN if none was tested."""
    return float((q_values < SIGNIFICANT).sum()) if np.isfinite(q_values).any() else float("nan")


def expected_null(rank: int, n: int) -> float:
    """Expected learnability when classes and patterns are independent: k / (n - 1), at most 1."""
    return min(rank / (n - 1), 1.0)


def adjusted(value: T, null: float) -> T:
    """Learnability beyond its expectation under no association, scaled so that its maximum is 1.

    NaN if the expectation is 1.
    """
    return (value - null) / (1 - null) if null < 1 else value * float("nan")


def cap(rank: int, classes: int) -> float:
    """Largest possible learnability: min(k, C - 1) / (C - 1), since k patterns separate at most k + 1 classes fully.

    NaN with fewer than two classes.
    """
    return min(rank, classes - 1) / (classes - 1) if classes > 1 else float("nan")


def explained(sums: ClassSums, found: Variance, energy: float) -> float:
    """Part of the variance of the images that lies between class means along the patterns, with its bias removed.

    It is the sum of SSB - (C - 1) MSW over the patterns, as in omega squared, over the total sum of squares.

    Parameters
    ----------
    sums, found
        Sums over the scores, and their analysis of variance.
    energy
        Sum of squares of all coefficients of the same images about the point that scores are zero at.

    Returns
    -------
    float
        At most 1; may be a little below 0 by chance. NaN without degrees of freedom.
    """
    offset = sums.sums.sum(axis=0) ** 2 / sums.counts.sum()  # scores have no mean, unless they are not centered
    total = np.diagonal(sums.cross) - offset
    between = found.omega_squared * (total + found.within)
    if np.isnan(between).all():
        return float("nan")
    return float(np.nansum(between) / (energy - offset.sum()))
