from collections import Counter

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.images import ImageForm, open_image, pixels
from storage.pixels.jpeg_warnings import MOST_SCANS, require_sound
from storage.pixels.payloads import decode
from tests.storage.pixels.damage import SIDE, encode, picture

FORM = ImageForm(SIDE, SIDE, 3)
END = b"\xff\xd9"
# Whole, resized, in gray, and decoded at half, a quarter and an eighth.
FORMS = (
    FORM, ImageForm(40, 40, 3, "crop"), ImageForm(SIDE, SIDE, 1),
    ImageForm(16, 16, 3, "crop"), ImageForm(8, 8, 3, "pad"), ImageForm(4, 4, 3, "crop"), ImageForm(4, 4, 1, "pad"),
)  # fmt: skip
KINDS = ["JPEG", "JPEG, progressive"]


def scan_of(payload):
    return payload.index(b"\xff\xda") + 14


def damaged(payload):
    """The reason and detail that a file is refused with, however it is decoded."""
    found = set()
    for form in FORMS:
        with pytest.raises(BadImageError) as caught:
            decode(payload, None, form)
        found.add((caught.value.reason, caught.value.detail))
    (only,) = found
    return only


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_good_file_is_used_without_a_note(kind, seed):
    notes = Counter()
    payload = encode(picture(seed), kind)
    assert np.array_equal(decode(payload, None, FORM, notes), pixels(open_image(payload), FORM))
    require_sound(payload, notes)
    assert not notes


def test_a_file_is_checked_at_an_eighth_of_its_size(monkeypatch):
    decoded, whole = [], simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *given, **named: decoded.append(whole(*given, **named)))
    require_sound(encode(picture(1, 90)), Counter())
    assert [pixels.shape for pixels in decoded] == [(12, 12, 3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.6, 0.75, 0.9])
def test_a_file_that_was_cut_is_refused_whether_it_was_ended_or_not(kind, part):
    payload = encode(picture(1), kind)
    cut = payload[: int(len(payload) * part)]
    assert damaged(cut)[0] in {"truncated", "corrupt"}
    assert damaged(cut + END)[0] in {"truncated", "corrupt"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_two_files_that_were_joined_are_refused(kind, seed):
    first, second = encode(picture(seed), kind), encode(picture(seed + 50), kind)
    assert damaged(first[: len(first) // 2] + second[len(second) // 2 :])[0] == "corrupt"


@pytest.mark.parametrize("seed", range(8))
def test_pixels_that_went_through_a_transfer_in_text_mode_are_refused(seed):
    payload = encode(picture(seed), quality=98)
    scan = scan_of(payload)
    assert payload.count(b"\n", scan) >= 3
    assert damaged(payload[:scan] + payload[scan:].replace(b"\n", b"\r\n"))[0] == "corrupt"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("padding", [b"\0" * 3, b"\0" * 16, b"\0" * 1000, b"\xff" * 9])
def test_padding_behind_the_pixels_is_harmless(kind, seed, padding):
    payload = encode(picture(seed), kind)
    padded = payload[:-2] + padding + END
    assert np.array_equal(decode(padded, None, FORM), pixels(open_image(payload), FORM))


def test_padding_between_segments_is_harmless_and_counted():
    payload, notes = encode(picture(1)), Counter()
    padded = payload[:20] + b"padding" + payload[20:]
    assert np.array_equal(decode(padded, None, FORM, notes), pixels(open_image(payload), FORM))
    assert notes == {"JPEG with padding": 1}
    assert damaged(padded[: len(padded) // 2] + END)[0] == "corrupt"


@pytest.mark.parametrize("tail", [b"hello", bytes(512), b"\r\n"])
def test_bytes_behind_the_end_are_ignored(tail):
    payload = encode(picture(1))
    assert np.array_equal(decode(payload + tail, None, FORM), pixels(open_image(payload), FORM))


@pytest.mark.parametrize("seed", range(8))
def test_zeros_in_the_place_of_pixels_are_no_padding(seed):
    payload = encode(picture(seed))
    assert damaged(payload[:-202] + bytes(200) + END)[0] == "corrupt"


def test_a_harmless_warning_does_not_hide_one_that_matters():
    payload = bytearray(encode(picture(1)))
    payload[11] = 3  # major revision of JFIF
    notes = Counter()
    assert decode(bytes(payload), None, FORM, notes).shape == (SIDE, SIDE, 3)
    assert notes == {"JPEG of an unknown JFIF revision": 1}
    assert damaged(bytes(payload[: len(payload) // 2]) + END)[0] == "corrupt"


def test_scan_parameters_that_do_not_apply_are_harmless():
    payload, notes = bytearray(encode(picture(1))), Counter()
    payload[scan_of(payload) - 3] = 5
    assert np.array_equal(decode(bytes(payload), None, FORM, notes), decode(encode(picture(1)), None, FORM))
    assert notes == {"JPEG with scan parameters that do not apply": 1}


def test_a_rotated_file_is_checked_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    payload = encode(picture(1), exif=exif)
    assert decode(payload, None, FORM).shape == (SIDE, SIDE, 3)
    assert damaged(payload[: 2 * len(payload) // 3] + END)[0] == "corrupt"
    cmyk = encode(picture(1).convert("CMYK"))
    assert decode(cmyk, None, FORM).shape == (SIDE, SIDE, 3)
    assert damaged(cmyk[: 2 * len(cmyk) // 3] + END)[0] == "corrupt"


def test_a_file_of_very_many_scans_is_refused_before_it_is_decoded():
    payload = encode(picture(1), "JPEG, progressive")
    last = payload.rindex(b"\xff\xda")
    many = payload[:-2] + payload[last:-2] * MOST_SCANS + END
    assert damaged(many) == (
        "too large",
        f"{MOST_SCANS + payload.count(bytes([255, 0xDA]))} scans, more than {MOST_SCANS}",
    )


def test_a_sampling_that_cannot_be_checked_is_counted():
    gray_factors = bytearray(encode(picture(1), subsampling="4:2:0"))
    frame = gray_factors.index(b"\xff\xc0")
    gray_factors[frame + 11 : frame + 18 : 3] = b"\x14\x11\x11"  # 4:4:1
    notes = Counter()
    with pytest.raises(BadImageError):  # its pixels are laid out otherwise
        decode(encode(picture(1))[:-9], None, FORM, notes)
    require_sound(bytes(gray_factors), notes)
    assert notes == {"JPEG of a sampling that cannot be checked for damage": 1}
