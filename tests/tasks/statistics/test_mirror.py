import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.mirror import fit_mirror, mirror
from tests.strategies import seeds


@given(seeds, st.integers(1, 12), st.integers(1, 6), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_a_linear_map_is_found_from_any_sample_that_shows_it(seed, k, m, more):
    random = np.random.default_rng(seed)
    slopes, constant = random.standard_normal((k, m)), 10 * random.standard_normal(m)
    scores = 3 + random.standard_normal((2 * k + 2 + more, k)) * 10.0 ** random.integers(-3, 4)
    fitted = fit_mirror(scores, scores @ slopes + constant)
    unseen = scores.mean(axis=0) + random.standard_normal((5, k)) * scores.std()
    expected = unseen @ slopes + constant
    np.testing.assert_allclose(mirror(unseen, fitted), expected, atol=1e-3 * np.abs(expected - constant).max() + 1e-9)


def test_noise_is_averaged_as_by_least_squares():
    random = np.random.default_rng(0)
    scores, mirrored = random.standard_normal((200, 6)), random.standard_normal((200, 3))
    with_constant = np.concatenate([scores, np.ones((200, 1))], axis=1)
    expected = np.linalg.lstsq(with_constant, mirrored, rcond=None)[0]
    np.testing.assert_allclose(fit_mirror(scores, mirrored), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("images", [1, 2, 7])
def test_a_sample_smaller_than_the_number_of_scores_is_met_itself(images):
    random = np.random.default_rng(1)
    scores, mirrored = random.standard_normal((images, 30)), random.standard_normal((images, 4))
    np.testing.assert_allclose(mirror(scores, fit_mirror(scores, mirrored)), mirrored, atol=1e-4)


def test_scores_that_do_not_vary_predict_the_mean():
    fitted = fit_mirror(np.ones((4, 2)), np.arange(8.0).reshape(4, 2))
    assert mirror(np.ones((1, 2)), fitted).tolist() == [[3, 4]]
