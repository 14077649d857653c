import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.sums import BUDGET
from tasks.statistics.target_sums import TargetSums, parts_kept, standardized
from tests.targets import scored_targets, sums_of


@given(scored_targets())
@settings(max_examples=30, deadline=None)
def test_moments_of_some_parts_are_those_of_their_images(case):
    scores, targets, part, parts = case
    sums, chosen = sums_of(*case), np.arange(parts) % 3 != 1
    mine = chosen[part]
    centre, means = scores[:3].mean(axis=0), targets[:3].mean(axis=0) + 2
    found = sums.about(chosen, centre, means)
    own, asked = scores[mine] - centre, targets[mine] - means
    assert found.images == mine.sum()
    np.testing.assert_allclose(found.scatter, own.T @ own, atol=1e-9)
    np.testing.assert_allclose(found.covariation, own.T @ asked, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(found.variation, (asked**2).sum(axis=0), rtol=1e-9, atol=1e-7)
    assert (sums.counts == np.bincount(part, minlength=parts)).all()


@given(scored_targets(fewest=20))
@settings(max_examples=30, deadline=None)
def test_without_each_part_are_the_moments_of_the_others(case):
    scores, targets, part, _ = case
    for one, found in zip(np.unique(part), sums_of(*case).without_each(), strict=True):
        own, asked = (values[part != one] - values[part != one].mean(axis=0) for values in (scores, targets))
        assert found.images == len(own)
        np.testing.assert_allclose(found.scatter, own.T @ own, atol=1e-7)
        np.testing.assert_allclose(found.covariation, own.T @ asked, rtol=1e-9, atol=1e-6)


def test_a_target_that_does_not_vary_has_no_variation():
    found = TargetSums.of(np.ones((9, 1)), np.full((9, 2), [0.1, 3.0]), np.arange(9), 9).whole()
    assert np.isnan(found.variation).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(1e-3, 1e3), st.floats(-1e6, 1e6))
def test_standardized_values_have_no_unit_and_no_origin(values, scale, shift):
    values = np.round(np.array(values), 3)
    found = standardized(values)
    if np.ptp(values) < 1e-3:
        assert np.isnan(found).all()
        return
    assert (found.mean(), found.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    np.testing.assert_allclose(standardized(scale * values + shift), found, atol=1e-3)


@pytest.mark.parametrize("values", [[1e308, -1e308], [5e-324, 0.0], [1.8e9, 1.8e9 + 1]])
def test_numbers_of_any_size_are_standardized(values):
    np.testing.assert_allclose(np.abs(standardized(np.array(values))), 1, atol=1e-6)


def test_equal_numbers_do_not_vary_and_none_are_none():
    assert np.isnan(standardized(np.full(1000, 0.1))).all()
    assert len(standardized(np.empty(0))) == 0


def test_sums_stay_within_the_budget():
    assert parts_kept(64, 21) == 256
    for rank, targets in [(64, 2000), (300, 300), (128, 21)]:
        assert 1 < parts_kept(rank, targets) <= BUDGET / (rank * (rank + targets) * 8)
    assert parts_kept(4096, 21) == 1
