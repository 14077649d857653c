import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform, deepest_level
from tests import naive
from tests.strategies import modes, seeds, spaces

DEFAULT = CoefficientSpace(WaveletTransform("haar", "periodization", 2, 32, 32), 3)


def images(space, seed, count=3):
    shape = (count, space.transform.height, space.transform.width, space.image_channels)
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def require_equals_pywavelets(space, seed):
    batch, transform = images(space, seed), space.transform
    rows = space.forward(batch)
    assert rows.dtype == np.float32
    assert rows.shape == (3, space.coefficients)
    for row, back, image in zip(rows, space.inverse(rows), batch, strict=True):
        expected = naive.dwt_row(image.astype(np.float64), transform.wavelet, transform.mode, transform.level)
        np.testing.assert_allclose(row, expected, atol=1e-5 * max(1, np.abs(expected).max()))
        # Biorthogonal wavelets with long filters lose a digit; the default below does not.
        again = naive.dwt_back(image.astype(np.float64), transform.wavelet, transform.mode, transform.level)
        np.testing.assert_allclose(back, again, atol=2e-5)


@pytest.mark.filterwarnings("ignore:Level value")
@given(spaces(), seeds)
@settings(max_examples=100, deadline=None)
def test_equals_pywavelets_image_by_image_and_comes_back(space, seed):
    require_equals_pywavelets(space, seed)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("wavelet", pywt.wavelist(kind="discrete"))
@given(modes, st.sampled_from([(9, 14), (16, 16), (33, 21)]), seeds)
@settings(max_examples=3, deadline=None)
def test_every_wavelet_equals_pywavelets(wavelet, mode, side, seed):
    level = deepest_level(*side, wavelet)
    require_equals_pywavelets(CoefficientSpace(WaveletTransform(wavelet, mode, level, *side), 1), seed)


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("mode", pywt.Modes.modes)
def test_large_sides_are_cut_into_tiles(mode):
    for wavelet, side in (("haar", (224, 224)), ("db4", (150, 97)), ("bior6.8", (97, 150))):
        require_equals_pywavelets(CoefficientSpace(WaveletTransform(wavelet, mode, 3, *side), 1), 0)


def test_default_round_trip_is_exact_to_1e6():
    batch = images(DEFAULT, seed=1, count=50)
    assert np.abs(DEFAULT.inverse(DEFAULT.forward(batch)) - batch).max() <= 1e-6


def test_default_keeps_lengths():
    batch = images(DEFAULT, seed=2)
    lengths = np.linalg.norm(DEFAULT.forward(batch), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(batch.reshape(3, -1), axis=1), rtol=1e-6)
    assert DEFAULT.orthonormal
    assert not CoefficientSpace(WaveletTransform("haar", "periodization", 2, 30, 32), 3).orthonormal


def test_shapes_are_listed_coarse_to_fine():
    shapes = WaveletTransform("haar", "periodization", 2, 8, 12).shapes
    assert [shape[:2] for shape in shapes] == [
        ("LL", 2), ("LH", 2), ("HL", 2), ("HH", 2), ("LH", 1), ("HL", 1), ("HH", 1)
    ]  # fmt: skip
    assert shapes[0][2:4] == (2, 3)


def test_bands_say_the_direction_of_detail():
    stripes = np.zeros((1, 8, 8, 1), np.float32)
    stripes[:, :, ::2] = 1  # vertical stripes: detail along the rows of the image, that is horizontally
    space = CoefficientSpace(WaveletTransform("haar", "periodization", 1, 8, 8), 1)
    row = space.forward(stripes)[0]
    energy = {band.orientation: float((row[band.start : band.stop] ** 2).sum()) for band in space.bands}
    assert energy["HL"] > 1
    assert energy["LH"] + energy["HH"] < 1e-12


def test_deepest_level_leaves_one_level_to_long_filters():
    assert deepest_level(32, 32, "haar") == 5
    assert deepest_level(32, 48, "db2") == pywt.dwt_max_level(32, 4)
    assert deepest_level(8, 8, "db20") == 1
