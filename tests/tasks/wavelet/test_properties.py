import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tasks.wavelet.properties import DARK, LEVELS, PROPERTIES, PropertySpace, properties
from tests import naive

SIDES = st.integers(1, 12)
COLUMN = {name: number for number, name in enumerate(PROPERTIES)}


def drawn(seed, shape, levels):
    """Random images whose pixels have some levels, never one at the border of two levels of luma."""
    return (np.random.default_rng(seed).integers(0, levels, shape) / max(levels - 1, 1)).astype(np.float32)


@given(st.integers(0, 10**6), st.integers(1, 4), SIDES, SIDES, st.sampled_from([1, 3]), st.sampled_from([2, 6, 256]))
def test_properties_are_those_of_the_oracle(seed, n, height, width, channels, levels):
    images = drawn(seed, (n, height, width, channels), levels)
    found = properties(images)
    for row, image in zip(found, images, strict=True):
        expected = naive.image_properties(image)
        for name in PROPERTIES:
            np.testing.assert_allclose(row[COLUMN[name]], expected[name], rtol=1e-3, atol=2e-5, err_msg=name)


@given(st.integers(0, 10**6), SIDES, SIDES, st.sampled_from([1, 3]))
def test_properties_lie_in_their_ranges_and_do_not_depend_on_the_other_images(seed, height, width, channels):
    images = drawn(seed, (5, height, width, channels), 256)
    kept = images.copy()
    found = properties(images)
    assert np.array_equal(images, kept)
    for name, most in (("brightness", 1), ("contrast", 0.5), ("sharpness", 72), ("flatness", 1), ("highlights", 1)):
        values = found[:, COLUMN[name]]
        assert ((values >= -1e-6) & (values <= most + 1e-6) | np.isnan(values)).all(), name
    assert (found[:, COLUMN["shadows"]] <= found[:, COLUMN["highlights"]] + 1e-6).all()
    assert (found[:, COLUMN["flatness"]] >= 1 / LEVELS - 1e-6).all()
    one = np.concatenate([properties(images[number : number + 1]) for number in range(5)])
    np.testing.assert_allclose(one, found, rtol=1e-5, atol=1e-6)


def test_an_image_of_one_color():
    found = dict(zip(PROPERTIES, properties(np.full((1, 5, 7, 3), 0.5, np.float32))[0], strict=True))
    assert found["brightness"] == pytest.approx(0.5)
    assert found["contrast"] == pytest.approx(0, abs=1e-6)
    assert np.isnan(found["sharpness"])
    assert found["colourfulness"] == pytest.approx(0, abs=1e-6)
    assert found["flatness"] == 1
    assert (found["dark_fraction"], found["bright_fraction"]) == (0, 0)
    dark = np.full((1, 5, 7, 1), (DARK - 0.5) / LEVELS, np.float32)
    assert properties(dark)[0, COLUMN["dark_fraction"]] == 1


def test_gray_images_are_the_same_in_color():
    gray = drawn(3, (4, 9, 8, 1), 256)
    np.testing.assert_allclose(properties(np.repeat(gray, 3, axis=3)), properties(gray), rtol=1e-4, atol=1e-6)


def test_a_bad_image_spoils_its_own_row_only():
    images, facts = drawn(4, (3, 6, 6, 3), 256), np.arange(6, dtype=np.float32).reshape(3, 2)
    images[1] = np.nan
    rows = PropertySpace(2).forward(images, facts)
    assert np.isnan(rows[1]).all()
    assert np.array_equal(rows[[0, 2], :2], facts[[0, 2]])
    assert np.array_equal(rows[[0, 2], 2:], properties(images[[0, 2]]))
    assert rows.shape[1] == PropertySpace(2).coefficients


@pytest.mark.parametrize("deviation", [1.0, 2.0])
def test_sharpness_falls_with_blur_and_not_with_contrast(deviation):
    """Of noise, it is 5; of noise blurred by s pixels, its mean squared frequency is 2 / s^2."""
    noise = np.random.default_rng(5).normal(0, 0.2, (1, 128, 128, 1))
    blurred = gaussian_filter(noise, (0, deviation, deviation, 0), mode="wrap")

    def sharpness(images):
        return properties((0.5 + images).astype(np.float32))[0, COLUMN["sharpness"]]

    assert sharpness(noise) == pytest.approx(5, rel=0.05)
    assert sharpness(blurred) == pytest.approx(2 / deviation**2, rel=0.2)
    assert sharpness(noise / 7) == pytest.approx(sharpness(noise), rel=1e-3)
