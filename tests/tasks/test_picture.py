import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.picture import shades, shrunk


def test_shades_are_gray_at_zero_and_keep_signs():
    values = np.array([[[-2.0], [0.0], [1.0]]])
    assert shades(values).ravel().tolist() == [0, 0.5, 0.75]
    assert (shades(np.zeros((2, 2, 3))) == 0.5).all()


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 3]))
def test_shrunk_images_are_small_enough_and_keep_their_mean(height, width, channels):
    values = np.broadcast_to(np.arange(channels, dtype=float), (height, width, channels))
    small = shrunk(values, 96)
    assert max(small.shape[:2]) <= 96
    assert min(small.shape) >= 1
    np.testing.assert_allclose(small.mean(axis=(0, 1)), np.arange(channels))
