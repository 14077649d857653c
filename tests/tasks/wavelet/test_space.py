import numpy as np
import pytest
import pywt
from hypothesis import assume, given, settings
from PIL import Image

from storage.pixels.layout import to_unit_range
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform
from tests import naive
from tests.strategies import seeds, spaces

DWT = WaveletTransform("haar", "periodization", 2, 16, 24)


def images(count=4, channels=3, seed=0, height=16, width=24):
    return np.random.default_rng(seed).random((count, height, width, channels), dtype=np.float32)


def columns_of(space, band):
    """The band's columns in the space of all bands."""
    whole = CoefficientSpace(space.transform, space.image_channels, space.colour)
    same = next(other for other in whole.bands if (other.orientation, other.level) == (band.orientation, band.level))
    return slice(same.start, same.stop)


@pytest.mark.parametrize("chosen", ["LL", "details", "1", "LL,HH1", "HL"])
def test_chosen_and_weighted_bands_are_columns_of_all(chosen):
    space = CoefficientSpace(DWT, 3, chosen=chosen, weights="all=2,LL=0.25")
    rows, whole = space.forward(images()), CoefficientSpace(DWT, 3).forward(images())
    assert rows.shape == (4, space.coefficients)
    for band in space.bands:
        expected = whole[:, columns_of(space, band)] * (0.25 if band.orientation == "LL" else 2)
        assert np.array_equal(rows[:, band.start : band.stop], expected)
    assert not space.orthonormal


def test_what_is_left_out_comes_back_as_zero_and_weights_are_undone():
    parts = [CoefficientSpace(DWT, 3, chosen=chosen, weights="HH=3") for chosen in ("LL,HH1", "2,LH1,HL1")]
    back = [space.inverse(space.forward(images())) for space in parts]
    np.testing.assert_allclose(back[0] + back[1], images(), atol=2e-6)


@given(spaces(colour="ycbcr", weights="LL=0.5"), seeds)
@settings(max_examples=20, deadline=None)
def test_colours_come_back(space, seed):
    assume(space.transform.wavelet != "dmey")  # finite filters only come near the Meyer wavelet: it does not come back
    batch = images(3, space.image_channels, seed, space.transform.height, space.transform.width)
    np.testing.assert_allclose(space.inverse(space.forward(batch)), batch, atol=5e-5)


def test_colour_spaces_are_those_of_jpeg():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    colours = to_unit_range(pixels)[None]
    whole = CoefficientSpace(DWT, 1)
    for mode, colour in (("L", "gray"), ("YCbCr", "ycbcr")):
        planes = to_unit_range(np.array(image.convert(mode))).reshape(16, 24, -1)
        rows = CoefficientSpace(DWT, 3, colour).forward(colours)[0].reshape(-1)
        expected = [whole.forward(planes[None, :, :, channel, None])[0] for channel in range(planes.shape[2])]
        found = CoefficientSpace(DWT, 3, colour)
        for band in found.bands:
            values = rows[band.start : band.stop].reshape(found.channels, -1)
            own = columns_of(whole, band)
            for channel, row in enumerate(expected):
                offset = 0.5 * 4 if band.orientation == "LL" and channel else 0  # chroma about zero
                np.testing.assert_allclose(values[channel], row[own] - offset, atol=0.02)


def test_gray_images_have_no_colours_to_change():
    rows = [CoefficientSpace(DWT, 1, colour).forward(images(channels=1)) for colour in ("rgb", "gray", "ycbcr")]
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[0], rows[2])
    assert CoefficientSpace(DWT, 1, "ycbcr").orthonormal


@pytest.mark.parametrize("chosen", ["all", "LL,LH2"])
def test_details_shrink_by_the_universal_threshold(chosen):
    space = CoefficientSpace(DWT, 3, chosen=chosen, threshold=0.5)
    rows, whole = space.forward(images()), CoefficientSpace(DWT, 3).forward(images())
    finest = columns_of(space, CoefficientSpace(DWT, 3).bands[-1])
    for row, plain in zip(rows, whole, strict=True):
        noise = np.median(np.abs(plain[finest].reshape(3, -1)), axis=1) / 0.6745
        limits = 0.5 * noise * np.sqrt(2 * np.log(16 * 24 * 3))
        for band in space.bands:
            values = plain[columns_of(space, band)].reshape(3, -1)
            shrunk = [pywt.threshold(v, limit, "soft") for v, limit in zip(values, limits, strict=True)]
            expected = values if band.orientation == "LL" else np.stack(shrunk)
            np.testing.assert_allclose(row[band.start : band.stop], expected.ravel(), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"colour": "ycbcr"}, {"threshold": 1.0}, {"chosen": "LL", "weights": "LL=2"}])
@pytest.mark.parametrize("transform", [DWT, ModulusTransform("haar", 2, 16, 24)])
def test_a_rejected_image_spoils_no_other(options, transform):
    space, batch = CoefficientSpace(transform, 3, **options), images()
    good = space.forward(batch)
    batch[1] = np.nan
    rows = space.forward(batch)
    assert np.isnan(rows[1]).all()
    assert np.array_equal(np.delete(rows, 1, axis=0), np.delete(good, 1, axis=0))


def test_rows_are_written_where_they_belong():
    chunk = np.zeros((6, CoefficientSpace(DWT, 3).coefficients), np.float32)
    assert CoefficientSpace(DWT, 3).forward(images(), chunk[1:5]).base is chunk
    assert np.array_equal(chunk[1:5], CoefficientSpace(DWT, 3).forward(images()))
    assert not chunk[[0, 5]].any()


@pytest.mark.parametrize(("wavelet", "height", "width"), [("haar", 32, 32), ("db2", 32, 16), ("bior2.2", 24, 48)])
def test_modulus_is_the_mean_of_a_stationary_transform_and_the_logarithm_of_its_details(wavelet, height, width):
    transform = ModulusTransform(wavelet, 2, height, width)
    space, batch = CoefficientSpace(transform, 3), images(30, 3, 0, height, width)
    rows = space.forward(batch)
    assert rows.shape == (30, 7 * 3 * 64)
    for row, image in zip(rows[::10], batch[::10], strict=True):
        np.testing.assert_allclose(row, naive.modulus_row(image.astype(np.float64), wavelet, 2), atol=2e-5)


@pytest.mark.parametrize(("height", "width"), [(5, 31), (9, 8), (28, 28)])
def test_modulus_of_any_size_of_a_flat_image_is_flat(height, width):
    space = CoefficientSpace(ModulusTransform("haar", 1, height, width), 1)
    row = space.forward(np.full((1, height, width, 1), 0.25, np.float32))[0]
    expected = {"LL": 0.5, "LH": np.log(0.1), "HL": np.log(0.1), "HH": np.log(0.1)}
    for band in space.bands:
        assert (band.rows, band.columns) == (min(8, height), min(8, width))
        np.testing.assert_allclose(row[band.start : band.stop], expected[band.orientation], atol=1e-5)
    assert not space.invertible
    with pytest.raises(ValueError, match="Only the transform dwt has an inverse"):
        space.inverse(row[None])


def test_what_cannot_be_undone_is_pictured_by_maps():
    space = CoefficientSpace(ModulusTransform("haar", 1, 9, 16), 3)
    row = np.zeros((1, space.coefficients), np.float32)
    row[0, 64] = 2  # approximation of green, in the upper left cell
    maps = space.picture(row)
    assert maps.shape == (1, 9, 16, 3)
    assert maps[0, :2, :2, 1].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert maps.sum() == 0.5 * 2 * 2
    back = CoefficientSpace(DWT, 3)
    assert np.array_equal(back.picture(back.forward(images())), back.inverse(back.forward(images())))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_to_unit_range_maps_black_and_white_exactly(dtype):
    scaled = to_unit_range(np.array([0, np.iinfo(dtype).max], dtype))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [0, 1]
