import numpy as np
import pytest

from tasks.statistics.bootstrap import SAMPLES, estimates, resampled


def quotient(part, whole):
    return part / whole


def test_the_value_is_that_of_all_groups_and_each_sample_has_as_many():
    weights = resampled(40)
    assert weights.shape == (SAMPLES + 1, 40)
    assert (weights.sum(axis=1) == 40).all()
    right, all_of = np.random.default_rng(1).integers(1, 9, (40, 3)), np.full((40, 3), 10)
    found = estimates(weights, quotient, right, all_of)
    np.testing.assert_allclose(found[0], right.sum(axis=0) / 400)


def test_intervals_cover_a_proportion_in_about_95_of_100_draws():
    rng, weights = np.random.default_rng(2), resampled(64)
    covered = []
    for _ in range(300):
        images = rng.multinomial(1000, np.full(64, 1 / 64))
        _, low, high = estimates(weights, quotient, rng.binomial(images, 0.3), images)
        covered.append(low <= 0.3 <= high)
    assert 0.9 <= np.mean(covered) <= 0.99


def test_blocks_of_samples_give_what_all_at_once_give(monkeypatch):
    right, images = np.random.default_rng(3).integers(1, 9, (16, 5)), np.full((16, 5), 10)
    whole = estimates(resampled(16), quotient, right, images)
    monkeypatch.setattr("tasks.statistics.bootstrap.AT_ONCE", 35)
    assert estimates(resampled(16), quotient, right, images) == pytest.approx(whole)
