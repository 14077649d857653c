import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from tasks.statistics.correlation import correlations, grouped_p_values, p_values
from tasks.statistics.groups import FEWEST_GROUPS
from tests.targets import scored_targets, sums_of


@given(scored_targets())
@settings(max_examples=30, deadline=None)
def test_correlations_and_p_values_are_scipys(case):
    scores, targets, *_ = case
    found = correlations(sums_of(*case))
    tested = p_values(found, len(scores))
    for pattern, target in np.ndindex(found.shape):
        expected = stats.pearsonr(scores[:, pattern], targets[:, target])
        assert found[pattern, target] == pytest.approx(expected.statistic, abs=1e-7)
        assert tested[pattern, target] == pytest.approx(expected.pvalue, rel=1e-4, abs=1e-9)


def test_what_does_not_vary_has_no_correlation():
    random = np.random.default_rng(0)
    scores, targets = random.standard_normal((20, 2)), random.standard_normal((20, 2))
    scores[:, 0], targets[:, 1] = 0.1, 0.1
    found = correlations(sums_of(scores, targets, np.arange(20), 20))
    assert np.isnan(found).tolist() == [[True, True], [False, True]]
    assert np.isnan(p_values(found, 20)).tolist() == [[True, True], [False, True]]


def test_without_images_or_with_two_there_is_no_test():
    assert np.isnan(correlations(sums_of(np.empty((0, 2)), np.empty((0, 1)), np.empty(0, int), 5))).all()
    assert np.isnan(p_values(np.ones((1, 1)), 2)).all()
    assert p_values(np.ones((1, 1)), 3) == 0


@given(scored_targets(fewest=100))
@settings(max_examples=20, deadline=None)
def test_p_values_of_groups_are_those_of_a_t_test_of_their_products(case):
    scores, targets, part, _ = case
    found = grouped_p_values(sums_of(*case))
    held = np.unique(part)
    if len(held) < FEWEST_GROUPS:
        assert np.isnan(found).all()
        return
    own, asked = scores - scores.mean(axis=0), targets - targets.mean(axis=0)
    for pattern, target in np.ndindex(found.shape):
        products = own[:, pattern] * asked[:, target]
        expected = stats.ttest_1samp([products[part == one].sum() for one in held], 0).pvalue
        assert found[pattern, target] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_groups_of_like_images_do_not_pass_for_many():
    """Scores and values that are alike within groups, but do not depend on one another."""
    random, alone, together = np.random.default_rng(5), [], []
    for _ in range(300):
        part = np.repeat(np.arange(50), 20)
        scores = random.standard_normal((50, 1))[part] + random.standard_normal((1000, 1))
        sums = sums_of(scores, random.standard_normal((50, 1))[part], part, 50)
        alone.append(p_values(correlations(sums), 1000)[0, 0])
        together.append(grouped_p_values(sums)[0, 0])
    assert np.mean(np.array(alone) < 0.05) > 0.3
    assert 0.01 < np.mean(np.array(together) < 0.05) < 0.1
