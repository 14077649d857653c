"""Images of another size, and JPEG files that are decoded at a smaller scale for them."""

import importlib.metadata
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from storage.errors import BadImageError
from storage.pixels import images as decoding
from storage.pixels.images import ImageForm, decode_file
from storage.pixels.jpeg import ImageDecoder
from storage.pixels.resizing import part_filled, resized, scale_for
from tests.storage.pixels.damage import encode, flipped, hole, picture

FITS = st.sampled_from(["crop", "pad"])
SIDES = st.integers(1, 90)
# The transpositions that store an upright image in each orientation (Exif 2.32, tag 0x0112).
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# JPEG rounds colors. By that, pixels of 2,500 slopes were wrong by at most 2.1 levels of 255 when decoded at a smaller
# scale, and by 2.7 when decoded whole. A shift by one decoded pixel is 2 to 21 levels.
LEVELS = 3


def stored(image, orientation=1, **options):
    """A JPEG file of an upright image, stored in an orientation."""
    exif = Image.Exif()
    if orientation != 1:
        image, exif[0x0112] = image.transpose(STORED[orientation]), orientation
    return encode(image, exif=exif, quality=95, **options)


def slope(width, height):
    """Red rises from the left edge to the right, green from the top edge to the bottom."""
    down, across = np.mgrid[:height, :width] + 0.5
    planes = 255 * across / width, 255 * down / height, np.full_like(down, 128)
    return Image.fromarray(np.stack(planes, axis=-1).round().astype(np.uint8))


def sloping(width, height, side, fit):
    """The pixels of a slope in a square, and the mask of those that bicubic interpolation has neighbors for."""
    least, most = min(width, height), max(width, height)
    across, down = (min(side, round(extent * side / most)) for extent in (width, height))
    shown = (least, least, side, side) if fit == "crop" else (width, height, across, down)
    values, inside = [], []
    for extent, part, count in zip((width, height), shown[:2], shown[2:], strict=True):
        place = np.arange(side) + 0.5 - round((side - count) / 2)
        values.append(255 * ((extent - part) / 2 + place * part / count) / extent)
        inside.append((place > 2) & (place < count - 2))
    return values, inside[1][:, None] & inside[0]


def photograph(name="china.jpg"):
    """A photograph of 640 x 427 pixels that scikit-learn ships."""
    path = importlib.metadata.distribution("scikit-learn").locate_file(f"sklearn/datasets/images/{name}")
    return Image.open(str(path))


def cut(payload, random):
    """The first part of a file."""
    return payload[: int(random.integers(200, len(payload)))]


def difference(found, expected):
    """Root mean square of the difference of two images, in levels of 255."""
    return np.sqrt(np.mean((np.asarray(found, float) - np.asarray(expected, float)) ** 2))


@pytest.mark.parametrize(
    ("size", "fit", "scale"),
    [
        ((500, 375), "crop", 2), ((512, 384), "crop", 2), ((512, 512), "crop", 4), ((1024, 1024), "crop", 8),
        ((4000, 3000), "crop", 8), ((255, 255), "crop", 1), ((256, 256), "crop", 2), ((4000, 64), "crop", 1),
        ((4000, 64), "pad", 8), ((300, 255), "pad", 2), ((64, 64), "pad", 1), ((10, 10), "crop", 1),
    ],
)  # fmt: skip
def test_scales_for_64_pixels(size, fit, scale):
    assert scale_for(size, (64, 64), fit) == scale
    assert scale_for(size[::-1], (64, 64), fit) == scale
    form = ImageForm(64, 64, 3, fit)
    assert form.scale(size) == form.scale(size, turned=True) == scale
    assert replace(form, exact=True).scale(size) == 1
    assert ImageForm(64, 64, 3).scale(size) == 1


@given(SIDES, SIDES, st.integers(2, 20), FITS)
def test_a_decoded_image_has_two_pixels_for_each_wanted_one_and_would_not_at_half_the_scale(width, height, side, fit):
    scale, least = scale_for((width, height), (side, side), fit), min if fit == "crop" else max
    if scale > 1:
        assert least(width, height) / scale >= 2 * side
    if scale < 8:
        assert least(width, height) / (2 * scale) < 2 * side


@given(SIDES, SIDES, st.integers(1, 40), FITS, st.sampled_from(["RGB", "L", "F", "I;16"]), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_whole_image_is_resized_as_pillow_does(width, height, side, fit, mode, seed):
    random = np.random.default_rng(seed)
    shape, kind = (height, width, 3)[: 3 if mode == "RGB" else 2], {"F": np.float32, "I;16": np.uint16}
    image = Image.fromarray(random.integers(0, 256, shape).astype(kind.get(mode, np.uint8)))
    assert image.mode == mode
    library = {"crop": ImageOps.fit, "pad": ImageOps.pad}[fit]
    expected = library(image, (side, side), method=Image.Resampling.BICUBIC)
    assert np.array_equal(resized(image, (side, side), fit), expected)


@given(
    st.integers(64, 300), st.integers(64, 300), st.integers(6, 32), FITS, st.integers(1, 8),
    st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]), st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_nothing_is_shifted(width, height, side, fit, orientation, subsampling, progressive):
    form = ImageForm(side, side, 3, fit)
    payload = stored(slope(width, height), orientation, subsampling=subsampling, progressive=progressive)
    pixels = ImageDecoder(form).decode(payload).astype(float)
    (across, down), inside = sloping(width, height, side, fit)
    assert np.abs(pixels[..., 0] - across)[inside].max(initial=0) < LEVELS
    assert np.abs(pixels[..., 1] - down[:, None])[inside].max(initial=0) < LEVELS


@given(st.integers(20, 300), st.integers(20, 300), st.integers(2, 32), FITS, st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_fast_decoder_gives_the_same_bits(width, height, side, fit, gray, progressive):
    image = photograph().crop((100, 50, 100 + width, 50 + height)).convert("L" if gray else "RGB")
    form, payload = ImageForm(side, side, 3, fit), stored(image, progressive=progressive)
    fast = ImageDecoder(form).decode_plain(payload)
    assert fast.shape == (side, side, 3)
    assert np.array_equal(fast, decode_file(payload, form))


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
@pytest.mark.parametrize(("side", "scale"), [(90, 2), (50, 4), (26, 8)])
def test_a_photograph_hardly_differs_from_means_of_squares_and_from_exact_pixels(name, mode, fit, side, scale):
    image = photograph(name).crop((0, 0, 640, 424))
    form = ImageForm(side, side, 1 if mode == "L" else 3, fit)
    assert form.scale(image.size) == scale
    payload = encode(image.convert(mode), quality=90)
    whole = decode_file(payload, ImageForm(424, 640, form.channels)).astype(float)
    means = whole.reshape(424 // scale, scale, 640 // scale, scale, form.channels).mean(axis=(1, 3))
    small = decoding.to_image(means.round().astype(np.uint8))
    found = ImageDecoder(form).decode(payload)
    # Measured: at most 1.51 from exact pixels and .76 from means, where pixels vary by 50 to 95 levels.
    exact = ImageDecoder(replace(form, exact=True)).decode(payload)
    assert 0 < difference(found, exact) < 2
    assert difference(found.squeeze(), resized(small, (side, side), fit)) < 1


def outcome(payload, form):
    """The reason and detail that a file is refused with, or None, and the notes on it."""
    notes = Counter()
    try:
        ImageDecoder(form, notes).decode(payload)
    except BadImageError as error:
        return error.reason, error.detail, notes
    return None, None, notes


@given(
    st.sampled_from([cut, hole, flipped]), st.sampled_from(["JPEG", "JPEG, progressive"]), st.integers(0, 2**32),
    st.sampled_from([1, 3, 6]), st.sampled_from([1, 3]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_damage_is_seen_at_every_scale_as_in_the_whole_file(damage, kind, seed, orientation, channels):
    exif = Image.Exif()
    exif[0x0112] = orientation
    payload = damage(encode(picture(1), kind, exif=exif), np.random.default_rng(seed))
    forms = [ImageForm(side, side, channels, "crop") for side in (16, 8, 4)]
    assert [form.scale((64, 64)) for form in forms] == [2, 4, 8]
    found = [outcome(payload, each) for form in forms for each in (form, replace(form, exact=True))]
    assert all(each == found[0] for each in found)


def test_only_the_part_with_the_picture_is_used():
    assert part_filled((37, 20), 8) == (0, 0, 4.625, 2.5)
    assert part_filled((37, 20), 8, 3) == (0.375, 0.5, 5, 3)
    assert part_filled((37, 20), 8, 6) == (0.5, 0, 3, 4.625)
    assert part_filled((37, 20), 1) == (0, 0, 37, 20)


def test_other_formats_are_decoded_whole():
    image = photograph().crop((0, 0, 400, 300))
    form = ImageForm(32, 32, 3, "crop")
    for kind in ("PNG", "TIFF, JPEG", "WEBP"):
        payload = encode(image, kind)
        assert np.array_equal(decode_file(payload, form), decode_file(payload, replace(form, exact=True)))


def test_a_large_file_is_resized_without_decoding_its_pixels(monkeypatch):
    """At an eighth, twelve megapixels are few enough for the fast decoder."""
    form = ImageForm(64, 64, 3, "crop")
    payload = encode(photograph().resize((4000, 3000)))
    assert ImageDecoder(replace(form, exact=True)).decode_plain(payload) is None
    sizes, to_image = [], decoding.to_image
    monkeypatch.setattr("storage.pixels.jpeg.to_image", lambda pixels: sizes.append(pixels.shape) or to_image(pixels))
    assert ImageDecoder(form).decode_plain(payload).shape == (64, 64, 3)
    assert sizes == [(375, 500, 3)]
