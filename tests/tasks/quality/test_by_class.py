import numpy as np
import pytest
from scipy.stats import binomtest, chi2_contingency

from tasks.quality.by_class import ByClass, cramers_v


def test_association_is_that_of_the_table_of_kind_and_class():
    counts, images = np.array([[3, 9, 1], [0, 0, 12]]), np.array([100, 40, 60])
    for row, found in zip(counts, cramers_v(counts, images), strict=True):
        table = np.stack([row, images - row])
        assert found == pytest.approx(np.sqrt(chi2_contingency(table, correction=False)[0] / images.sum()))


def test_the_test_of_each_class_is_binomial():
    counts, images = np.array([[3, 9, 1]]), np.array([100, 40, 60])
    found = ByClass.of(counts, images)
    for number in range(3):
        share = images[number] / images.sum()
        expected = binomtest(counts[0, number], 13, share, alternative="greater").pvalue
        assert found.p_value[0, number] == pytest.approx(expected)
        assert found.expected[0, number] == pytest.approx(13 * share)
    assert (found.q_value >= found.p_value).all()


def test_kinds_without_images_and_classes_without_images_are_unknown():
    found = ByClass.of(np.array([[0, 0, 0], [2, 0, 0]]), np.array([5, 5, 0]))
    assert np.isnan(found.p_value).tolist() == [[True] * 3, [False, False, True]]
    assert np.isnan(found.cramers_v).tolist() == [True, False]
    assert np.isnan(ByClass.of(np.array([[5, 5]]), np.array([5, 5])).cramers_v).all()


def test_a_kind_that_is_exactly_a_class_has_the_largest_association():
    assert cramers_v(np.array([[20, 0, 0]]), np.array([20, 30, 50])) == pytest.approx(1)
    assert cramers_v(np.array([[2, 3, 5]]), np.array([20, 30, 50])) == pytest.approx(0, abs=1e-9)


def test_quality_that_is_independent_of_the_class_is_rarely_significant():
    random = np.random.default_rng(3)
    images = np.array([400, 300, 300])
    found = [(ByClass.of(random.binomial(images, 0.02)[None], images).q_value < 0.05).any() for _ in range(300)]
    assert np.mean(found) < 0.08
