import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.reduced import ReducedSpace, averages, reduced_sides
from tasks.wavelet.space import CoefficientSpace


@given(length=st.integers(1, 60), data=st.data())
def test_an_average_counts_each_sample_by_its_overlap(length, data):
    parts = data.draw(st.integers(1, length))
    signal = np.random.default_rng(length).random(length)
    # Each sample is repeated so often that parts have whole numbers of samples.
    expected = np.repeat(signal, parts).reshape(parts, length).mean(axis=1)
    np.testing.assert_allclose(averages(length, parts) @ signal, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "sides"),
    [((32, 32), (32, 32)), ((28, 20), (28, 20)), ((64, 64), (32, 32)), ((100, 50), (32, 16)), ((500, 3), (32, 1))],
)
def test_only_large_images_are_reduced_and_keep_their_proportions(size, sides):
    assert reduced_sides(*size, 32) == sides


def test_coefficients_are_those_of_the_smaller_image():
    images = np.random.default_rng(0).random((5, 24, 48, 3), np.float32)
    small = CoefficientSpace(ModulusTransform("haar", 2, 8, 16), 3, "ycbcr")
    space = ReducedSpace(small, 24, 48)
    expected = small.forward(images.reshape(5, 8, 3, 16, 3, 3).mean(axis=(2, 4)))
    found = space.forward(images)
    assert space.coefficients == small.coefficients == found.shape[1]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    out = np.empty_like(found)
    assert space.forward(images, out) is out
    assert np.array_equal(out, found)


def test_images_of_the_size_are_left_alone():
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    small = CoefficientSpace(ModulusTransform("haar", 2, 8, 8), 1)
    assert np.array_equal(ReducedSpace(small, 8, 8).forward(images), small.forward(images))
