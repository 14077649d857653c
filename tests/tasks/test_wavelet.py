import numpy as np
import pytest
import pywt
from hypothesis import given, settings

from tasks.wavelet import WaveletTransform, deepest_level, to_unit_range
from tests import naive
from tests.strategies import seeds, transforms


def images(transform, seed, count=3):
    shape = (count, transform.height, transform.width, transform.channels)
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.mark.filterwarnings("ignore:Level value")
@given(transforms(), seeds)
@settings(max_examples=150, deadline=None)
def test_equals_pywavelets_image_by_image(transform, seed):
    batch = images(transform, seed)
    rows = transform.forward(batch)
    assert rows.dtype == np.float32
    assert rows.shape == (3, transform.coefficients)
    for row, image in zip(rows, batch, strict=True):
        expected = naive.dwt_row(image.astype(np.float64), transform.wavelet, transform.mode, transform.level)
        np.testing.assert_allclose(row, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@given(transforms(), seeds)
@settings(max_examples=150, deadline=None)
def test_inverse_brings_images_back(transform, seed):
    batch = images(transform, seed)
    back = transform.inverse(transform.forward(batch))
    assert back.shape == batch.shape
    # Biorthogonal wavelets with long filters lose a digit; the default below does not.
    np.testing.assert_allclose(back, batch, atol=2e-5)


def test_default_round_trip_is_exact_to_1e6():
    transform = WaveletTransform("haar", "periodization", 2, 32, 32, 3)
    batch = images(transform, seed=1, count=50)
    assert np.abs(transform.inverse(transform.forward(batch)) - batch).max() <= 1e-6


def test_default_keeps_lengths():
    transform = WaveletTransform("haar", "periodization", 2, 32, 32, 3)
    batch = images(transform, seed=2)
    lengths = np.linalg.norm(transform.forward(batch), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(batch.reshape(3, -1), axis=1), rtol=1e-6)


def test_bands_tile_the_columns_coarse_to_fine():
    bands = WaveletTransform("haar", "periodization", 2, 8, 12, 3).bands
    assert [(band.orientation, band.level) for band in bands] == [
        ("LL", 2), ("LH", 2), ("HL", 2), ("HH", 2), ("LH", 1), ("HL", 1), ("HH", 1)
    ]  # fmt: skip
    assert (bands[0].rows, bands[0].columns) == (2, 3)
    assert [band.start for band in bands[1:]] == [band.stop for band in bands[:-1]]
    assert bands[-1].stop == 8 * 12 * 3


def test_bands_say_the_direction_of_detail():
    stripes = np.zeros((1, 8, 8, 1), np.float32)
    stripes[:, :, ::2] = 1  # vertical stripes: detail along the rows of the image, that is horizontally
    transform = WaveletTransform("haar", "periodization", 1, 8, 8, 1)
    row = transform.forward(stripes)[0]
    energy = {band.orientation: float((row[band.start : band.stop] ** 2).sum()) for band in transform.bands}
    assert energy["HL"] > 1
    assert energy["LH"] + energy["HH"] < 1e-12


def test_deepest_level_leaves_one_level_to_long_filters():
    assert deepest_level(32, 32, "haar") == 5
    assert deepest_level(32, 48, "db2") == pywt.dwt_max_level(32, 4)
    assert deepest_level(8, 8, "db20") == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_to_unit_range_maps_black_and_white_exactly(dtype):
    scaled = to_unit_range(np.array([0, np.iinfo(dtype).max], dtype))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [0, 1]
