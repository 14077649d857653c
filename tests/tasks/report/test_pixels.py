import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.report.pixels import DIVERGING, diverging, energy, natural, palette, reduced, signed


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_reducing_is_linear_keeps_the_mean_and_is_the_mean_over_blocks(height, width, side, seed):
    first, second = np.random.default_rng(seed).standard_normal((2, height, width, 3)).astype(np.float32)
    small = reduced(first, side)
    assert max(small.shape[:2]) <= side or max(small.shape[:2]) == max(height, width) <= side
    np.testing.assert_allclose(small.mean((0, 1)), first.mean((0, 1)), atol=1e-5)
    np.testing.assert_allclose(reduced(first + 2 * second, side), small + 2 * reduced(second, side), atol=1e-5)
    if height % side == 0 and width % side == 0 and height == width:
        blocks = first.reshape(side, height // side, side, width // side, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(small, blocks, atol=1e-5)


def test_small_images_stay_as_they_are():
    image = np.random.default_rng(0).random((5, 7, 1)).astype(np.float32)
    assert np.array_equal(reduced(image, 7), image)


def test_patterns_with_colours_lie_on_gray_and_gray_ones_on_white():
    pattern = np.zeros((4, 4, 3), np.float32)
    pattern[0, 0] = [2, 0, -2]
    assert signed(pattern)[0, 0].tolist() == [255, 128, 0]
    assert (signed(pattern)[1:] == 128).all()
    gray = signed(pattern[:, :, :1] - pattern[:, :, 2:])
    assert gray[1, 1].tolist() == [247, 247, 247]
    assert gray[0, 0].tolist() == [127, 59, 8]
    assert signed(np.zeros((2, 2, 1), np.float32)).shape == (2, 2, 3)


def test_the_diverging_map_is_told_apart_by_lightness_alone():
    colours = diverging(np.linspace(-1, 1, 101)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(colours[:51]) > 0).all()
    assert (np.diff(colours[50:]) < 0).all()
    assert diverging(np.array([np.nan])).tolist() == [[128, 128, 128]]
    assert palette(DIVERGING)[0] == "#053061"
    assert len(palette(DIVERGING)) == 256


def test_energy_has_no_sign():
    pattern = np.random.default_rng(0).standard_normal((6, 6, 3)).astype(np.float32)
    assert np.array_equal(energy(pattern), energy(-pattern))


def test_images_are_clipped():
    assert natural(np.array([[[-1.0], [0.5], [2.0]]], np.float32)).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_small_pictures_come_back_as_they_were(channels):
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    from tasks.report.picture_files import data_uri, encoded_small  # noqa: PLC0415

    pixels = np.random.default_rng(0).integers(0, 255, (9, 11, channels), np.uint8)
    with Image.open(io.BytesIO(encoded_small(pixels))) as image:
        assert np.array_equal(np.asarray(image), np.broadcast_to(pixels, (9, 11, 3)))
    assert data_uri(b"ab") == "data:image/webp;base64,YWI="
