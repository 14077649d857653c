import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.images import ImageForm, decode_file, open_image, pixels
from storage.pixels.jpeg import PLAIN, ImageDecoder, place_for
from storage.pixels.payloads import decode, decoder

SUBSAMPLINGS = ["4:4:4", "4:2:2", "4:2:0"]


def encode(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def waves(width, height, seed=0):
    """Smooth colour with an edge and some noise: what chroma upsampling and rounding depend on."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = 128 + 90 * np.sin(np.stack([rows / 3, columns / 5, (rows + columns) / 4], axis=-1))
    image[rows > columns] -= 60
    image += random.normal(0, 10, image.shape)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def form_of(image, channels=3):
    return ImageForm(image.height, image.width, channels)


def decode_jpeg(payload, form):
    return ImageDecoder(form).decode_plain(payload)


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 100), st.sampled_from(SUBSAMPLINGS), st.booleans(),
    st.booleans(), st.booleans(), st.sampled_from([0, 1, 7]), st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_pixels_are_those_of_pillow(width, height, quality, subsampling, progressive, optimize, gray, restart, seed):
    image = waves(width, height, seed)
    payload = encode(
        image.convert("L") if gray else image,
        quality=quality, subsampling=subsampling, progressive=progressive, optimize=optimize,
        restart_marker_blocks=restart,
    )  # fmt: skip
    for channels in [1, 3] if gray else [3]:
        found = decode_jpeg(payload, form_of(image, channels))
        assert found.dtype == np.uint8
        assert np.array_equal(found, pixels(open_image(payload), form_of(image, channels)))


def test_what_is_not_plain_is_left_to_pillow():
    image = waves(20, 12)
    payload, form = encode(image), form_of(image)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_jpeg(payload, form) is not None
    assert decode_jpeg(encode(image, exif=exif), form) is None
    assert decode_jpeg(encode(image, xmp=b'<x tiff:Orientation="6"/>'), form) is None
    assert decode_jpeg(encode(image.convert("CMYK")), form) is None
    assert decode_jpeg(payload, ImageForm(12, 20, 1)) is None  # luma as the file has it is not Pillow's
    assert decode_jpeg(b"", form) is None
    assert decode_jpeg(b"\xff\xd8\xff", form) is None


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
def test_a_rotation_is_seen_wherever_it_may_stand(options):
    image = waves(20, 12)
    payload, exif = encode(image, **options), Image.Exif()
    exif[0x0112] = 6
    rotation = exif.tobytes()
    segment = b"\xff\xe1" + (len(rotation) + 2).to_bytes(2, "big") + rotation
    assert (PLAIN.match(payload) is not None) == (not options)
    assert decode_jpeg(payload, form_of(image)) is not None
    place = 2
    while payload[place : place + 2] != b"\xff\xda":
        rotated = payload[:place] + segment + payload[place:]
        assert decode_jpeg(rotated, form_of(image)) is None
        assert open_image(rotated).getexif()[0x0112] == 6
        place += 2 + int.from_bytes(payload[place + 2 : place + 4], "big")


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize(("gray", "channels"), [(False, 3), (True, 3), (True, 1)])
def test_another_size_is_brought_to_the_form_as_pillow_would(fit, gray, channels):
    image = waves(41, 23).convert("L" if gray else "RGB")
    payload, form = encode(image), ImageForm(12, 20, channels, fit)
    assert np.array_equal(decode_jpeg(payload, form), pixels(open_image(payload), form))
    with pytest.raises(BadImageError, match="41 x 23 pixels where"):
        decode(payload, None, ImageForm(12, 20, channels))


def test_rows_do_not_begin_where_they_would_be_written_past_the_cache():
    for side in range(1, 40):
        place = place_for(ImageForm(side, side, 3))
        assert place.size == 3 * side * side
        assert place.ctypes.data % 32 == 16


@given(st.lists(st.sampled_from(range(8)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_an_image_is_decoded_alike_whatever_came_before(order):
    image, exif = waves(20, 12), Image.Exif()
    exif[0x0112] = 6
    kinds = [
        encode(image),
        encode(waves(20, 12, seed=1)),
        encode(image, exif=exif),
        encode(image.convert("L")),
        encode(image, quality=30),
        encode(waves(12, 20)),
        encode(image)[:-40],
        encode(image, optimize=True),
    ]
    form = ImageForm(12, 20, 3, "pad")
    fast = decoder(None, form)
    for number in order:
        if number == 6:
            with pytest.raises(BadImageError, match="truncated"):
                fast(kinds[number])
        else:
            assert np.array_equal(fast(kinds[number]), pixels(open_image(kinds[number]), form))


def test_a_header_of_too_many_pixels_is_left_to_pillow_which_refuses_it():
    payload = bytearray(encode(waves(20, 12)))
    frame = payload.index(b"\xff\xc0") + 5
    payload[frame : frame + 4] = (9000).to_bytes(2, "big") * 2
    form = ImageForm(9000, 9000, 3)
    assert decode_jpeg(bytes(payload), form) is None
    with pytest.raises(BadImageError, match="9000 x 9000 pixels, more than"):
        decode(bytes(payload), None, form)
    payload[frame : frame + 4] = (3000).to_bytes(2, "big") * 2
    assert decode_jpeg(bytes(payload), ImageForm(20, 20, 3, "crop")) is None


@pytest.mark.parametrize("lost", [1, 2, 3, 50, 400])
def test_a_truncated_file_is_left_to_pillow(lost):
    image = waves(32, 32)
    payload = encode(image)[:-lost]
    assert decode_jpeg(payload, form_of(image)) is None


@given(st.binary(max_size=20), st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_decoded_as_pillow_does_or_not_at_all(noise, data):
    image = waves(20, 12)
    payload = bytearray(encode(image, quality=60))
    place = data.draw(st.integers(0, len(payload)))
    payload[place : place + len(noise)] = noise
    for form in (form_of(image), ImageForm(3, 3, 3, "crop"), ImageForm(2, 2, 3, "pad")):
        found = decode_jpeg(bytes(payload), form)
        try:
            expected = decode_file(bytes(payload), form)
        except BadImageError:
            expected = None
        assert found is None or (expected is not None and np.array_equal(found, expected))
