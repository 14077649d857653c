import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.wavelet.morlet import FilterStack, sampled, side_filters, wave_matrix
from tests.strategies import seeds

lengths = st.integers(4, 100)
strides = st.sampled_from([1, 2, 4])


@given(lengths, strides)
def test_samples_lie_as_far_from_one_end_as_from_the_other(length, stride):
    positions = sampled(length, stride)
    assert len(positions) == -(-length // stride)
    assert np.diff(positions) == pytest.approx(stride)
    assert positions[0] == length - 1 - positions[-1] >= 0


@given(lengths, strides, st.floats(0.5, 4), st.floats(0, 3))
@settings(max_examples=50, deadline=None)
def test_waves_have_the_same_real_sum_everywhere_and_continue_symmetrically(length, stride, deviation, frequency):
    matrix = wave_matrix(length, stride, deviation, frequency)
    sums = matrix.sum(axis=1)
    assert sums.imag == pytest.approx(0, abs=1e-12)
    assert sums.real == pytest.approx(sums[0].real, abs=1e-12)
    signal = np.random.default_rng(length).random(length)
    backwards = matrix @ signal[::-1]
    np.testing.assert_allclose(backwards[::-1], (matrix @ signal).conj(), atol=1e-12)


def test_a_wave_answers_to_its_own_frequency_inside():
    at = np.arange(200)
    matrix = wave_matrix(200, 2, 3.0, 0.9)
    inside = slice(20, 80)
    own = np.abs(matrix @ np.exp(-0.9j * at))[inside]
    assert own == pytest.approx(1, abs=1e-6)
    assert np.abs(matrix @ np.exp(-2.9j * at))[inside].max() < 1e-6


@given(lengths, lengths, st.integers(1, 3), seeds)
@settings(max_examples=30, deadline=None)
def test_tiles_are_the_whole_product(height, width, filters, seed):
    random = np.random.default_rng(seed)
    planes = random.random((height, width, 5), dtype=np.float32)
    reach = np.abs(np.arange(height)[:, None] - np.arange(height)) <= 3
    matrices = random.random((filters, height, height)) * reach
    stack = FilterStack.of(matrices)
    np.testing.assert_allclose(stack.down(planes[None])[:, 0], np.einsum("fij,jwn->fiwn", matrices, planes), rtol=1e-5)
    turned = planes.transpose(1, 0, 2).copy()
    np.testing.assert_allclose(
        stack.across(turned[None])[:, 0], np.einsum("fij,wjn->fwin", matrices, turned), rtol=1e-5
    )
    np.testing.assert_array_equal(stack[:1].down(planes[None]), stack.down(planes[None])[:1])


def test_the_wavelet_along_a_side_has_no_mean_and_slanted_waves_say_theirs():
    found = side_filters(40, 2, 1.6, 1.2, (0.5,))
    flat = np.ones((1, 40, 1, 1), np.float32)
    low, *morlet, real, imaginary = found.stack.down(flat)[:, 0, :, 0, 0]
    assert low == pytest.approx(1, abs=1e-6)
    assert np.abs(morlet).max() < 1e-6
    assert real == pytest.approx(found.sums[0], abs=1e-6)
    assert np.abs(imaginary).max() < 1e-6
