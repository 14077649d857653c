import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.linear_model import LinearRegression, Ridge

from tasks.statistics.regression import (
    JUDGED,
    LEARNED,
    LEAST_IMAGES,
    Shares,
    fit_learned,
    held_out_r_squared,
    intervals,
)
from tasks.statistics.ridge import PENALTIES
from tasks.statistics.target_sums import standardized
from tests.targets import scored_targets, sums_of


def shares(scores, targets):
    return Shares.of(sums_of(scores, targets, np.zeros(len(scores), int), 1).whole())


def held_out(scores, targets, side):
    return held_out_r_squared(sums_of(scores, targets, side, 2))


@given(scored_targets())
@settings(max_examples=40, deadline=None)
def test_r_squared_is_scikit_learns(case):
    scores, targets, *_ = case
    found, (n, rank) = shares(scores, targets), scores.shape
    if n <= rank + 1:
        assert np.isnan([found.r_squared, found.adjusted]).all()
        return
    for target, share, unbiased in zip(targets.T, found.r_squared, found.adjusted, strict=True):
        expected = LinearRegression().fit(scores, target).score(scores, target)
        assert share == pytest.approx(expected, abs=1e-7)
        assert unbiased == pytest.approx(1 - (1 - expected) * (n - 1) / (n - 1 - rank), abs=1e-6)


@given(scored_targets(fewest=2 * LEAST_IMAGES))
@settings(max_examples=5, deadline=None)
def test_held_out_r_squared_is_that_of_images_one_by_one(case):
    """Ridge regression by scikit-learn on half of the images, with the penalty that is chosen there."""
    scores, targets, *_ = case
    side = np.arange(len(scores)) % 2
    learned, judged = side == LEARNED, side == JUDGED
    fit, found = fit_learned(sums_of(scores, targets, side, 2)), held_out(scores, targets, side)
    for number, target in enumerate(targets.T):
        theirs = nearest_ridge(scores[learned], target[learned], fit.weights[:, number])
        fits, asked = theirs.predict(scores[judged]), target[judged]
        mean = target[learned].mean()
        np.testing.assert_allclose(fit.predict(scores[judged])[:, number] + mean, fits, rtol=1e-5, atol=1e-6)
        assert fit.spread[number] == pytest.approx(theirs.predict(scores[learned]).std(), rel=1e-5)
        expected = 1 - ((asked - fits) ** 2).sum() / ((asked - mean) ** 2).sum()
        assert found[number] == pytest.approx(expected, abs=1e-6)


def nearest_ridge(scores, target, weights):
    """The fit of scikit-learn whose weights are nearest, over all penalties."""
    centred = scores - scores.mean(axis=0)
    largest = np.linalg.eigvalsh(centred.T @ centred)[-1]
    fits = [Ridge(alpha=one * largest, solver="cholesky").fit(scores, target) for one in PENALTIES]
    return min(fits, key=lambda fit: np.abs(fit.coef_ - weights).sum())


def test_numbers_that_have_nothing_to_do_with_scores_are_not_predicted():
    random = np.random.default_rng(1)
    scores, targets = random.standard_normal((2000, 20)), random.standard_normal((2000, 8))
    found, asked = shares(scores, targets), held_out(scores, targets, np.arange(2000) % 2)
    assert (np.abs(found.adjusted) < 0.02).all()
    assert (found.r_squared > found.adjusted).all()
    assert ((asked < 0.01) & (asked > -0.05)).all()


def test_unit_and_origin_of_scores_and_values_do_not_matter():
    random = np.random.default_rng(2)
    scores, side = random.standard_normal((500, 5)), np.arange(500) % 2
    days = 20_000 + 30 * scores[:, 0] + random.standard_normal(500)
    one, other = standardized(days)[:, None], standardized(86_400 * days + 1e9)[:, None]
    moved = 1e6 * scores + 1e5
    assert shares(scores, one).r_squared[0] == pytest.approx(900 / 901, abs=1e-3)
    assert shares(scores, one).r_squared == pytest.approx(shares(moved, other).r_squared, rel=1e-6)
    assert held_out(scores, one, side)[0] == pytest.approx(900 / 901, abs=1e-3)
    assert held_out(scores, one, side) == pytest.approx(held_out(moved, other, side), rel=1e-6)


@pytest.mark.parametrize("few", [LEARNED, JUDGED])
def test_too_few_images_are_not_judged(few):
    random = np.random.default_rng(3)
    side = np.repeat([LEARNED, JUDGED], LEAST_IMAGES)
    scores, target = random.standard_normal((len(side), 2)), random.standard_normal((len(side), 1))
    assert np.isfinite(held_out(scores, target, side)).all()
    without = np.arange(len(side)) != np.flatnonzero(side == few)[0]
    assert np.isnan(held_out(scores[without], target[without], side[without])).all()


def test_a_pattern_that_does_not_vary_and_a_constant_value():
    random = np.random.default_rng(4)
    scores, targets, side = random.standard_normal((200, 3)), random.standard_normal((200, 2)), np.arange(200) % 2
    targets[:, 0] += scores[:, 0]
    expected = shares(scores[:, :2], targets).r_squared[0], held_out(scores[:, :2], targets, side)[0]
    scores[:, 2], targets[:, 1] = 0.3, 0.7
    assert shares(scores, targets).r_squared == pytest.approx([expected[0], np.nan], nan_ok=True)
    assert held_out(scores, targets, side) == pytest.approx([expected[1], np.nan], abs=1e-6, nan_ok=True)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random, inside = np.random.default_rng(6), []
    for _ in range(40):
        scores = random.standard_normal((400, 4))
        target = 0.5 * scores[:, :1] + random.standard_normal((400, 1))  # R^2 is 0.2
        low, high = intervals(sums_of(scores, target, random.integers(0, 40, 400), 40))[:, 0]
        inside.append(low <= 0.2 <= high)
        assert low < high
    assert np.mean(inside) > 0.85


def test_few_parts_and_a_constant_value_have_no_interval():
    random = np.random.default_rng(7)
    scores, targets = random.standard_normal((400, 4)), random.standard_normal((400, 2))
    targets[:, 1] = 3
    assert np.isnan(intervals(sums_of(scores, targets, np.arange(400) % 20, 20))).all()
    found = intervals(sums_of(scores, targets, np.arange(400) % 40, 40))
    assert np.isnan(found).tolist() == [[False, True], [False, True]]
