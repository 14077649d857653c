import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.images import ImageForm, open_image, pixels


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(payload, channels=3, size=(6, 4), fit=None):
    return pixels(open_image(payload), ImageForm(size[1], size[0], channels, fit))


@pytest.fixture
def colour():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_come_back_exactly(colour, kind):
    assert np.array_equal(decode(encode(colour, kind)), np.asarray(colour))


def test_jpeg_is_as_pillow_decodes_it(colour):
    payload = encode(colour, "JPEG", quality=80)
    assert np.array_equal(decode(payload), np.asarray(Image.open(io.BytesIO(payload))))


def test_gray_among_colour_gets_three_equal_channels():
    gray = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    array = decode(encode(gray))
    assert array.shape == (4, 6, 3)
    assert np.array_equal(array[..., 0], array[..., 2])


def test_colour_among_gray_becomes_luminance(colour):
    assert np.array_equal(decode(encode(colour), channels=1)[..., 0], np.asarray(colour.convert("L")))


def test_sixteen_bits_are_kept():
    values = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)
    array = decode(encode(Image.fromarray(values)), channels=1)
    assert array.dtype == np.uint16
    assert np.array_equal(array[..., 0], values)


def test_transparency_is_laid_over_white():
    image = Image.new("RGBA", (6, 4), (255, 0, 0, 0))
    assert (decode(encode(image)) == 255).all()


def test_palette_and_cmyk_become_rgb(colour):
    for image, kind in ((colour.quantize(8), "PNG"), (colour.convert("CMYK"), "TIFF")):
        assert np.array_equal(decode(encode(image, kind)), np.asarray(image.convert("RGB")))


def test_exif_rotation_is_applied(colour):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    payload = encode(colour, "PNG", exif=exif)
    assert np.array_equal(decode(payload, size=(4, 6)), np.rot90(np.asarray(colour), -1))


@pytest.mark.parametrize(("fit", "mean"), [("crop", 200), ("pad", 100)])
def test_size_crops_or_pads(fit, mean):
    wide = Image.new("RGB", (20, 10), (200, 200, 200))
    array = decode(encode(wide), size=(10, 10), fit=fit)
    assert array.shape == (10, 10, 3)
    assert array.mean() == mean


def test_sixteen_bit_images_are_resized_too():
    values = np.full((9, 9), 40_000, np.uint16)
    array = decode(encode(Image.fromarray(values)), channels=1, size=(4, 4), fit="crop")
    assert array.dtype == np.uint16
    assert (array == 40_000).all()


def bad(payload, **options):
    with pytest.raises(BadImageError) as caught:
        decode(payload, **options)
    return caught.value


def test_bad_images_say_what_is_wrong(colour):
    assert bad(b"").reason == "empty"
    assert bad(b"<html>not found</html>").reason == "unknown format"
    assert bad(b"%!PS-Adobe-3.0 EPSF-3.0\n").reason == "unknown format"
    assert bad(encode(colour.resize((90, 90)), "JPEG")[:1500], size=(90, 90)).reason == "truncated"
    assert "6 x 4 pixels where the dataset has 5 x 5" in bad(encode(colour), size=(5, 5)).detail
    assert bad(encode(Image.fromarray(np.ones((4, 6), np.float32)), "TIFF")).reason == "unknown range"


def test_a_bomb_is_refused_by_its_header():
    assert bad(encode(Image.new("1", (2**14, 2**13)))).reason == "too large"


@given(
    st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF", "BMP", "PPM"]), st.data()
)
@settings(max_examples=150, deadline=None)
def test_damaged_files_give_an_image_or_a_bad_image_and_nothing_else(noise, kind, data):
    payload = bytearray(encode(Image.new("RGB", (6, 4), (9, 90, 200)), kind))
    place = data.draw(st.integers(0, len(payload)))
    payload[place : place + len(noise)] = noise
    with contextlib.suppress(BadImageError):
        assert decode(bytes(payload)).shape == (4, 6, 3)
