import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.linear_model import LinearRegression, Ridge

from tasks.statistics.regression import LEAST_IMAGES, Regression, folds
from tasks.statistics.ridge import PENALTIES
from tasks.statistics.target_sums import fold_of, standardized
from tests.targets import scored_targets, sums_of


@given(scored_targets())
@settings(max_examples=40, deadline=None)
def test_r_squared_is_scikit_learns(case):
    scores, targets, *_ = case
    found, (n, rank) = Regression.of(sums_of(*case)), scores.shape
    if n <= rank + 1:
        assert np.isnan([found.r_squared, found.r_squared_adjusted]).all()
        return
    for target, share, unbiased in zip(targets.T, found.r_squared, found.r_squared_adjusted, strict=True):
        expected = LinearRegression().fit(scores, target).score(scores, target)
        assert share == pytest.approx(expected, abs=1e-7)
        assert unbiased == pytest.approx(1 - (1 - expected) * (n - 1) / (n - 1 - rank), abs=1e-6)


@given(scored_targets(fewest=LEAST_IMAGES))
@settings(max_examples=5, deadline=None)
def test_held_out_r_squared_is_that_of_images_one_by_one(case):
    """Ridge regression by scikit-learn on the other folds, with the penalty that is chosen there."""
    scores, targets, part, _ = case
    sums, fold = sums_of(*case), fold_of(part)
    found = Regression.of(sums).held_out
    for target in range(targets.shape[1]):
        errors, references = [], []
        for one in folds(sums):
            held = one.parts[part]
            assert len(np.unique(fold[held])) == 1
            asked = targets[held, target]
            fits = ridge(scores[~held], targets[~held, target], one.weights[:, target]).predict(scores[held])
            np.testing.assert_allclose(one.predict(scores[held])[:, target], fits, rtol=1e-5, atol=1e-6)
            errors.append(((asked - fits) ** 2).sum())
            references.append(((asked - targets[~held, target].mean()) ** 2).sum())
        assert found[target] == pytest.approx(1 - sum(errors) / sum(references), abs=1e-6)


def ridge(scores, target, weights):
    """The fit of scikit-learn whose weights are nearest, over all penalties."""
    largest = np.linalg.eigvalsh(np.cov(scores.T, bias=True).reshape(scores.shape[1], -1) * len(scores))[-1]
    fits = [Ridge(alpha=one * largest, solver="cholesky").fit(scores, target) for one in PENALTIES]
    return min(fits, key=lambda fit: np.abs(fit.coef_ - weights).sum())


def test_numbers_that_have_nothing_to_do_with_scores_are_not_predicted():
    random = np.random.default_rng(1)
    scores, targets = random.standard_normal((2000, 20)), random.standard_normal((2000, 8))
    found = Regression.of(sums_of(scores, targets, random.integers(0, 50, 2000), 50))
    assert (np.abs(found.r_squared_adjusted) < 0.02).all()
    assert (found.r_squared > found.r_squared_adjusted).all()
    assert ((found.held_out < 0.005) & (found.held_out > -0.03)).all()


def test_unit_and_origin_of_scores_and_values_do_not_matter():
    random = np.random.default_rng(2)
    scores, part = random.standard_normal((500, 5)), random.integers(0, 20, 500)
    days = 20_000 + 30 * scores[:, 0] + random.standard_normal(500)
    first = Regression.of(sums_of(scores, standardized(days)[:, None], part, 20))
    second = Regression.of(sums_of(1e6 * scores + 1e5, standardized(86_400 * days + 1e9)[:, None], part, 20))
    assert first.r_squared[0] == pytest.approx(900 / 901, abs=1e-3)
    assert first.held_out[0] == pytest.approx(900 / 901, abs=1e-3)
    for name in ("r_squared", "r_squared_adjusted", "held_out"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-6)


def test_too_few_images_and_a_single_fold_are_not_judged():
    random = np.random.default_rng(3)
    scores, target = random.standard_normal((LEAST_IMAGES, 2)), random.standard_normal((LEAST_IMAGES, 1))
    parts = np.arange(LEAST_IMAGES) % 7
    assert np.isfinite(Regression.of(sums_of(scores, target, parts, 7)).held_out).all()
    assert np.isnan(Regression.of(sums_of(scores[1:], target[1:], parts[1:], 7)).held_out).all()
    assert np.isnan(Regression.of(sums_of(scores, target, np.zeros(LEAST_IMAGES, int), 7)).held_out).all()


def test_a_pattern_that_does_not_vary_and_a_constant_value():
    random = np.random.default_rng(4)
    scores, targets = random.standard_normal((100, 3)), random.standard_normal((100, 2))
    targets[:, 0] += scores[:, 0]
    expected = Regression.of(sums_of(scores[:, :2], targets, np.arange(100), 100))
    scores[:, 2], targets[:, 1] = 0.3, 0.7
    found = Regression.of(sums_of(scores, targets, np.arange(100), 100))
    assert found.r_squared[0] == pytest.approx(expected.r_squared[0])
    assert found.held_out[0] == pytest.approx(expected.held_out[0], abs=1e-6)
    assert np.isnan([found.r_squared[1], found.held_out[1]]).all()
