import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.statistics.association import ClassSums, control, pairs, q_values, significant, variance
from tasks.statistics.least import LEAST, least_for_welch
from tasks.statistics.means import brown_forsythe, spread_ratio, welch, welch_t
from tasks.statistics.sums import grouped
from tests import naive
from tests.strategies import seeds


def moments(scores, labels, classes):
    counts, sums = grouped(scores, labels, classes)
    return counts, sums, grouped(scores**2, labels, classes)[1]


def unequal(random, sizes, spreads, rank=6):
    """Scores of equal means whose spread depends on the class, and labels."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return random.standard_normal((len(labels), rank)) * np.asarray(spreads)[labels, None], labels


@given(seeds, st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_tests_equal_naive_and_leave_small_classes_out(seed, classes):
    random = np.random.default_rng(seed)
    sizes = random.integers(least_for_welch(classes), 30, classes)
    scores, labels = unequal(random, [*sizes, 0, LEAST.means - 1], [*random.uniform(0.5, 3, classes), 1, 5], rank=3)
    scores += random.standard_normal((classes + 2, 3))[labels] * 0.3
    groups = [scores[labels == label] for label in range(classes)]
    found = moments(scores, labels, classes + 2)
    for test, oracle in ((brown_forsythe, naive.brown_forsythe), (welch, naive.welch)):
        statistic, p_value = test(*found)
        expected = [oracle([group[:, column] for group in groups]) for column in range(3)]
        np.testing.assert_allclose(statistic, [one for one, _ in expected], rtol=1e-8)
        np.testing.assert_allclose(p_value, [one for _, one in expected], rtol=1e-6, atol=1e-300)
    deviations = np.array([group.std(axis=0, ddof=1) for group in groups])
    np.testing.assert_allclose(spread_ratio(*found), deviations.max(axis=0) / deviations.min(axis=0), rtol=1e-9)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_each_class_against_the_rest_is_scipys_welch_test(seed):
    random = np.random.default_rng(seed)
    scores, labels = unequal(random, [8, 20, LEAST.means - 1], [1, 3, 2])
    statistic, p_value = welch_t(*moments(scores, labels, 3))
    for label in range(2):
        expected = stats.ttest_ind(scores[labels == label], scores[labels != label], equal_var=False)
        np.testing.assert_allclose(statistic[label], expected.statistic, rtol=1e-8)
        np.testing.assert_allclose(p_value[label], expected.pvalue, rtol=1e-7)
    assert np.isnan(p_value[2]).all()


def test_two_classes_have_the_same_p_value_by_all_three():
    scores, labels = unequal(np.random.default_rng(1), [20, 30], [1, 2])
    found = moments(scores, labels, 2)
    for p_value in (welch(*found).p_value, brown_forsythe(*found).p_value):
        np.testing.assert_allclose(p_value, welch_t(*found).p_value[0], rtol=1e-9)


def test_a_difference_in_spread_is_not_taken_for_one_in_means():
    """Equal means; a tenth of the images has three times the spread. F finds patterns in most datasets."""
    found, by_f, by_pair = [], [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        scores, labels = unequal(random, [60, 270, 270], [3, 1, 1], rank=16)
        sums = ClassSums.of(scores, labels, labels[None], 3)
        true = variance(sums.counts, sums.sums, sums.cross)
        by_f.append(significant(q_values(true.p_value)) > 0)
        found.append(significant(q_values(brown_forsythe(sums.counts, sums.sums, sums.squares).p_value)) > 0)
        by_pair.append((pairs(sums, true.within).q_value < 0.05).any())
    assert np.mean(by_f) > 0.8
    # Binomial with 200 draws of 0.05: 17 at most, at the 97.5 % level. Pairs of one pattern depend on each other.
    assert sum(found) <= 17
    assert sum(by_pair) <= 17


def test_many_small_classes_are_not_found_different():
    """Welch's F rejects in a third of draws of 50 classes of 4 images; classes of 5 are the least that are tested."""
    rejected = []
    for seed in range(60):
        scores, labels = unequal(np.random.default_rng(seed), [5] * 50, [1] * 50, rank=20)
        found = moments(scores, labels, 50)
        assert np.isnan(welch(*found).p_value).all()
        rejected.append((brown_forsythe(*found).p_value < 0.05).mean())
    assert np.mean(rejected) <= 0.05


def test_means_that_differ_are_found_beside_spreads_that_differ():
    random = np.random.default_rng(2)
    scores, labels = unequal(random, [60, 270, 270], [3, 1, 1], rank=4)
    scores[:, 0] += labels == 1
    q_value = q_values(brown_forsythe(*moments(scores, labels, 3)).p_value)
    assert q_value[0] < 1e-3
    assert (q_value[1:] > 0.01).all()
    ratios = spread_ratio(*moments(scores, labels, 3))
    assert ratios == pytest.approx([3] * 4, rel=0.3)
    shuffled = np.stack([random.permutation(labels) for _ in range(20)])
    assert control(ClassSums.of(scores, labels, shuffled, 3)).spread_ratio.max() < ratios.min()


def test_too_few_images_or_no_variance_have_no_test():
    labels = np.repeat(np.arange(3), 3)
    few = moments(np.random.default_rng(0).standard_normal((9, 2)), labels, 3)
    assert np.isnan([brown_forsythe(*few).p_value, welch(*few).p_value, spread_ratio(*few)]).all()
    assert np.isnan(significant(q_values(brown_forsythe(*few).p_value)))
    labels = np.arange(20) % 2
    apart = moments(np.where(labels, 1.0, -1.0)[:, None], labels, 2)
    assert np.isnan([brown_forsythe(*apart).statistic, welch(*apart).statistic, spread_ratio(*apart)]).all()
    assert brown_forsythe(*apart).p_value == 0
    same = moments(np.zeros((20, 1)), labels, 2)
    assert np.isnan([brown_forsythe(*same).p_value, welch(*same).p_value]).all()
    assert np.isnan(welch_t(*same).p_value).all()
