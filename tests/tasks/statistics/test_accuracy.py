import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.statistics.accuracy import balanced, binomial_p_value


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.data())
def test_the_p_value_is_that_of_the_exact_binomial_test(judged, chance, data):
    right = data.draw(st.integers(0, judged))
    expected = stats.binomtest(right, judged, chance, alternative="greater").pvalue
    assert binomial_p_value(right, judged, chance) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_p_value_of_nothing_is_not_a_number():
    assert np.isnan(binomial_p_value(0, 0, 0.5))
    assert np.isnan(binomial_p_value(1, 2, float("nan")))


def test_its_level_is_kept_by_chance():
    """Over 5,000 datasets whose classes are guessed; discrete counts keep it below the nominal 5 %."""
    random = np.random.default_rng(0)
    for judged, chance in ((118, 1 / 3), (60, 0.01), (206, 0.98)):
        found = np.array([binomial_p_value(right, judged, chance) for right in random.binomial(judged, chance, 5000)])
        assert (found <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 5000)


def test_all_right_of_206_is_not_chance():
    assert 2 * binomial_p_value(206, 206, 1000 / 1020) == pytest.approx(2 * (1000 / 1020) ** 206)
    assert 2 * binomial_p_value(206, 206, 1000 / 1020) < 0.05


def test_balanced_accuracy_weighs_classes_alike():
    """200 of 202 rightly named, but one of two classes never."""
    labels, found = np.repeat([0, 1], [200, 2]), np.zeros(202, int)
    right = np.bincount(labels[found == labels], minlength=3)
    expected = np.mean([(found[labels == label] == label).mean() for label in (0, 1)])
    assert balanced(right, np.bincount(labels, minlength=3)) == pytest.approx(expected)
    assert np.isnan(balanced(np.zeros(3, int), np.zeros(3, int)))


def test_balanced_accuracies_of_several_count_the_classes_of_each():
    right, counts = np.array([[3, 0, 2], [1, 4, 0]]), np.array([[4, 0, 2], [2, 8, 5]])
    np.testing.assert_allclose(balanced(right, counts), [(3 / 4 + 1) / 2, (1 / 2 + 1 / 2) / 3])
