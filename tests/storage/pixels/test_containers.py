import contextlib
import struct
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.containers import MOST_STRIPS, _boxes_end
from storage.pixels.images import ImageForm, open_image, pixels
from storage.pixels.payloads import decode
from tests.storage.pixels.damage import OPTIONS, SIDE, encode, flipped, hole, picture

FORM = ImageForm(SIDE, SIDE, 3)
OTHERS = [kind for kind in OPTIONS if not kind.startswith(("JPEG", "PNG"))]


def refused(payload):
    with pytest.raises(BadImageError) as caught:
        decode(payload, None, FORM)
    return caught.value


@pytest.mark.parametrize("kind", OTHERS)
def test_whole_files_are_used(kind):
    for image in (picture(1), Image.new("RGB", (SIDE, SIDE)), Image.new("RGB", (SIDE, SIDE), "white")):
        payload = encode(image, kind)
        assert np.array_equal(decode(payload, None, FORM), pixels(open_image(payload), FORM))
        assert decode(payload + bytes(1000), None, FORM).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.98])
def test_a_file_that_was_cut_is_refused(kind, part):
    payload = encode(picture(1), kind)
    assert refused(payload[: int(len(payload) * part)]).reason in {"truncated", "corrupt", "unknown format"}


@pytest.mark.parametrize("seed", range(6))
def test_strips_with_a_checksum_are_verified(seed):
    random = np.random.default_rng(seed)
    payload = encode(picture(seed), "TIFF, Deflate")
    assert refused(hole(payload[:-300], random) + payload[-300:]).reason == "corrupt"
    assert refused(flipped(payload[:-300], random) + payload[-300:]).reason == "corrupt"


def test_a_strip_of_jpeg_is_held_to_the_rules_of_jpeg():
    payload = encode(picture(1), "TIFF, JPEG")
    strip = payload.index(b"\xff\xda")
    assert refused(payload[: strip + 100] + bytes(600) + payload[strip + 700 :]).reason == "corrupt"


@pytest.mark.parametrize("kind", ["WEBP", "WEBP, lossless"])
def test_a_file_that_was_never_filled_is_refused(kind):
    payload = encode(picture(2), kind)
    kept = int(len(payload) * 0.6)
    assert "bytes are zeros" in refused(payload[:kept] + bytes(len(payload) - kept)).detail


@pytest.mark.parametrize("kind", ["WEBP", "BMP"])
def test_a_transfer_in_text_mode_is_seen_where_a_file_says_how_long_it_is(kind):
    payload = encode(picture(3, side=300).point(lambda value: value // 4), kind)
    assert payload.count(b"\n") >= 3
    form = ImageForm(300, 300, 3)
    with pytest.raises(BadImageError, match="corrupt"):
        decode(payload.replace(b"\n", b"\r\n"), None, form)


def test_a_file_of_millions_of_strips_is_refused_before_pillow_reads_them():
    count = MOST_STRIPS + 1
    entries = [(256, 4, 1, 8), (257, 4, 1, count), (259, 3, 1, 1), (273, 4, count, 200), (279, 4, count, 200)]
    payload = (
        b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    )
    found = refused(payload.ljust(200, b"\0") + bytes(4 * count))
    assert (found.reason, found.detail) == ("too large", f"{count} strips or tiles, more than {MOST_STRIPS}")


def test_warnings_are_counted_and_not_printed(capfd):
    image = picture(1)
    payload = bytearray(encode(image, "TIFF"))
    # A value of the wrong type for its tag: Pillow warns of each.
    start = struct.unpack_from("<I", payload, 4)[0]
    kinds = [struct.unpack_from("<HH", payload, start + 2 + 12 * n) for n in range(payload[start])]
    width = [tag for tag, _ in kinds].index(262)
    struct.pack_into("<HI", payload, start + 2 + 12 * width + 2, 3, 9999)
    notes = Counter()
    with contextlib.suppress(BadImageError):
        decode(bytes(payload), None, FORM, notes)
    assert sum(notes.values()) >= 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda payload: payload[:-9], "truncated"),
        (lambda payload: payload + b"\0\0\0\4free", "corrupt"),
        (lambda payload: payload[: len(payload) // 2] + bytes(len(payload) - len(payload) // 2), "corrupt"),
    ],
)
def test_the_boxes_of_an_avif_file_must_be_whole(spoil, reason):
    with pytest.raises(BadImageError) as found:
        decode(spoil(encode(picture(1), "AVIF")), None, FORM)
    assert found.value.reason == reason


@pytest.mark.parametrize("start", [b"\0\0\0\1mdat", b"\0\0\0\0mdat"])
def test_a_box_may_be_long_or_the_last(start):
    payload = encode(picture(1), "AVIF")
    place = payload.index(b"mdat") - 4
    length = (len(payload) - place + 8).to_bytes(8, "big") if start[3] else b""
    assert _boxes_end(payload[:place] + start + length + payload[place + 8 :]) == len(payload) + len(length)
