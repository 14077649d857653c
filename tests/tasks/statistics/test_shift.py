import numpy as np
import pytest
from scipy import stats

from tasks.statistics.ranks import Distribution
from tasks.statistics.shift import MOST_OPTIMISM, kurtosis, optimism, split_shift
from tests.scores import scatter_of

HELD_OUT = 2


def shift_of(scores, labels, part, optimism=0.0):
    fitted = scores[part != HELD_OUT]
    histogram = Distribution.of(fitted, np.sqrt((fitted**2).mean(axis=0)), keep=False).counts
    scatter = scatter_of(scores, labels, labels.max() + 1, part)
    return split_shift(scatter, histogram, np.full(scores.shape[1], optimism))


def drawn(seed, n=900, rank=6, classes=3):
    random = np.random.default_rng(seed)
    part = np.where(np.arange(n) < 2 * n // 3, np.arange(n) % 2, HELD_OUT)
    # Classes have other sizes in the held-out part, which is no shift of images.
    labels = np.where(part == HELD_OUT, random.choice(classes, n, p=[0.8, 0.1, 0.1]), random.integers(0, classes, n))
    means = random.standard_normal((classes, rank))
    return random.standard_normal((n, rank)) + means[labels], labels, part


def test_shift_equals_naive():
    scores, labels, part = drawn(0)
    found = shift_of(scores, labels, part)
    sides = [(scores[where], labels[where]) for where in (part != HELD_OUT, part == HELD_OUT)]
    residuals = [values - np.stack([values[own == label].mean(axis=0) for label in own]) for values, own in sides]
    within = [(rows**2).sum(axis=0) / (len(rows) - 3) for rows in residuals]
    (values, own), (held, theirs) = sides
    away = sum(
        (theirs == label).mean() * (held[theirs == label].mean(axis=0) - values[own == label].mean(axis=0))
        for label in range(3)
    )
    np.testing.assert_allclose(found.mean, away / np.sqrt(within[0]), rtol=1e-9)
    np.testing.assert_allclose(found.variance_ratio, within[1] / within[0], rtol=1e-9)


def test_kurtosis_is_that_of_the_scores_and_never_below_normal():
    random = np.random.default_rng(0)
    scores = np.stack([random.laplace(size=20_000), random.uniform(size=20_000), random.standard_t(9, 20_000)], axis=1)
    found = kurtosis(Distribution.of(scores, np.sqrt((scores**2).mean(axis=0)), keep=False).counts)
    np.testing.assert_allclose(found, np.maximum(stats.kurtosis(scores, fisher=False), 3), rtol=0.02)


@pytest.mark.parametrize("tails", [None, 5])
def test_no_shift_is_seen_where_there_is_none(tails):
    """200 datasets, six patterns each: at most 17 with a p-value below 5 % after Bonferroni."""
    alarms = 0
    for seed in range(200):
        scores, labels, part = drawn(seed)
        if tails:
            scores = np.random.default_rng(seed).standard_t(tails, scores.shape)
        alarms += 6 * shift_of(scores, labels, part).p_value.min() <= 0.05
    assert alarms <= 17


@pytest.mark.parametrize(("offset", "contrast"), [(0.5, 1.0), (0.0, 1.4), (0.0, 0.7)])
def test_a_shift_is_seen(offset, contrast):
    missed = 0
    for seed in range(50):
        scores, labels, part = drawn(seed)
        scores[part == HELD_OUT, 3] = contrast * scores[part == HELD_OUT, 3] + offset
        missed += 6 * shift_of(scores, labels, part).p_value[3] > 0.05
    assert missed <= 5


def test_a_smaller_variance_of_overfitted_patterns_is_no_shift():
    scores, labels, part = drawn(0)
    scores[part == HELD_OUT] *= 0.5
    found = shift_of(scores, labels, part, optimism=2 * MOST_OPTIMISM)
    assert np.isnan(found.variance_ratio).all()
    np.testing.assert_allclose(optimism(np.array([50.0, 10.0]), 100.0, 20), [2 * 40 / 20 / 50, 2 * 40 / 20 / 10])


def test_without_held_out_images_there_is_no_shift():
    scores, labels, _ = drawn(0)
    found = shift_of(scores, labels, np.arange(len(labels)) % 2)
    assert all(np.isnan(values).all() for values in found)
