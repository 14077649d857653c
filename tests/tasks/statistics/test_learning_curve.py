import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

from tasks.statistics.learning_curve import Alignment, accuracies, accuracy_at, numbers_of_images, separation_at
from tests.strategies import labelled_scores, seeds

CLASSES, PATTERNS = 4, 40
SPREADS = 1 / np.arange(1, PATTERNS + 1)  # a spectrum as of photographs


def drawn(n, seed):
    """Scores (n, k) of images, and classes that they tell in part: the largest of some noisy sums of scores."""
    random = np.random.default_rng(seed)
    scores = random.standard_normal((n, PATTERNS)) * SPREADS
    weights = np.random.default_rng(99).standard_normal((PATTERNS, CLASSES)) / np.sqrt(SPREADS)[:, None]
    fits = 1.5 * scores @ weights + random.standard_normal((n, CLASSES))
    return scores, fits.argmax(axis=1)


def alignment(scores, labels, classes=CLASSES):
    indicators = np.eye(classes)[labels]
    return Alignment.of(indicators.sum(axis=0).astype(np.int64), indicators.T @ scores, scores.T @ scores)


def fitted(n, seed):
    """R^2 and accuracy on unseen images of the best ridge regression on n images."""
    scores, labels = drawn(n, seed)
    unseen, classes = drawn(4000, seed + 1000)
    indicators, asked = np.eye(CLASSES)[labels], np.eye(CLASSES)[classes]
    found = []
    for penalty in np.logspace(-2, 4, 19):
        fits = Ridge(alpha=penalty).fit(scores, indicators).predict(unseen)
        error = ((asked - fits) ** 2).sum() / ((asked - asked.mean(axis=0)) ** 2).sum()
        found.append((1 - error, (fits.argmax(axis=1) == classes).mean()))
    return max(found)


def mean_of(function, seeds):
    return np.mean([function(seed) for seed in seeds], axis=0)


@pytest.mark.parametrize("images", [100, 400, 16_000])
def test_predicted_r_squared_is_that_of_ridge_regression_on_so_many_images(images):
    predicted = mean_of(lambda seed: alignment(*drawn(2000, seed)).r_squared(images), range(10))
    measured, _ = mean_of(lambda seed: fitted(images, seed), range(100, 110 if images < 1000 else 103))
    assert predicted == pytest.approx(measured, rel=0.04)


@pytest.mark.parametrize("images", [400, 16_000])
def test_predicted_accuracy_is_that_of_ridge_regression_on_so_many_images(images):
    _, measured = mean_of(lambda seed: fitted(2000, seed), range(5))
    predicted = mean_of(
        lambda seed: accuracies(alignment(*drawn(2000, seed)), [images], measured, 1 / CLASSES), range(5)
    )
    _, expected = mean_of(lambda seed: fitted(images, seed), range(100, 105))
    assert predicted == pytest.approx(expected, abs=0.025)  # as documented


def test_nothing_is_learned_of_shuffled_labels_however_many_images_there_are():
    for seed in range(5):
        scores, labels = drawn(2000, seed)
        found = alignment(scores, np.random.default_rng(seed).permutation(labels))
        assert all(abs(found.r_squared(images)) < 0.01 for images in (100, 2000, 200_000))


@given(labelled_scores(), seeds)
def test_the_basis_of_the_scores_does_not_matter(problem, seed):
    scores, labels, classes = problem
    found = alignment(scores, labels, classes)
    if scores.shape[1] > 1:
        scores = scores @ ortho_group.rvs(scores.shape[1], random_state=seed % 2**32)
    turned = alignment(scores, labels, classes)
    assert (found is None) == (turned is None)
    if found is not None and len(found.eigenvalues) == len(turned.eigenvalues):
        assert turned.explained.sum() == pytest.approx(found.explained.sum(), abs=1e-6)


def test_more_images_never_harm():
    found = alignment(*drawn(500, 3))
    predicted = [found.r_squared(images) for images in numbers_of_images(500)]
    assert (np.diff(predicted) >= -1e-12).all()
    assert predicted[-1] < found.explained.sum() / found.variance


def test_images_too_few_for_the_patterns_predict_nothing():
    assert alignment(*drawn(PATTERNS + 1, 0)) is None
    assert alignment(*drawn(PATTERNS + 3, 0)) is not None
    scores, labels = drawn(100, 0)
    assert alignment(scores, np.zeros_like(labels)) is None
    assert alignment(np.zeros((100, 3)), labels) is None


@given(st.integers(1, 10**7))
def test_numbers_of_images_reach_from_100_to_100_times_those_learned_from(images):
    numbers = numbers_of_images(images)
    assert {images, 2 * images} <= set(numbers)
    assert numbers == sorted(set(numbers))
    assert max(numbers) <= 100 * images
    assert all(number >= 100 or number in {images, 2 * images} for number in numbers)


@given(st.floats(0.01, 0.99), st.floats(2, 1000))
def test_accuracy_has_an_inverse(accuracy, choices):
    if accuracy > 1 / choices:
        separation = separation_at(accuracy, choices)
        assert accuracy_at(separation, choices) == pytest.approx(accuracy, abs=1e-4)


@pytest.mark.parametrize("choices", [2, 10, 100])
def test_without_separation_accuracy_is_chance(choices):
    assert accuracy_at(0, choices) == pytest.approx(1 / choices, rel=1e-6)


def test_accuracy_is_the_measured_one_at_the_images_learned_from_and_unknown_if_that_is_chance():
    found = alignment(*drawn(2000, 0))
    assert accuracies(found, [2000], 0.61, 0.25) == pytest.approx([0.61], abs=1e-6)
    for measured in (0.25, 0.2, float("nan"), 1.0):
        assert np.isnan(accuracies(found, [500, 2000], measured, 0.25)).all()
