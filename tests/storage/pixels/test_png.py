import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.images import ImageForm, open_image, pixels
from storage.pixels.payloads import decode
from tests.storage.pixels.damage import SIDE, encode, flipped, picture

FORM = ImageForm(SIDE, SIDE, 3)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def made(width, height, rows, *, bits=8, color=2, interlaced=0):
    """A PNG file whose stream of pixels holds `rows`, whatever its header announces."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(payload, form=FORM):
    with pytest.raises(BadImageError) as caught:
        decode(payload, None, form)
    return caught.value.reason


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "I;16"])
def test_whole_files_are_used(mode):
    image = picture(1).convert("L").convert("I;16") if mode == "I;16" else picture(1).convert(mode)
    payload = encode(image, "PNG")
    assert np.array_equal(decode(payload, None, FORM), pixels(open_image(payload), FORM))


@pytest.mark.parametrize("seed", range(10))
def test_any_damage_to_a_chunk_is_seen(seed):
    payload = encode(picture(seed), "PNG")
    assert refused(flipped(payload, np.random.default_rng(seed))) in {"corrupt", "truncated"}
    kept = int(len(payload) * 0.6)
    assert refused(payload[:kept] + bytes(len(payload) - kept)) in {"corrupt", "truncated"}
    assert refused(payload[:-1]) == "truncated"
    text = payload[:33] + chunk(b"tEXt", b"Comment\0abc") + payload[33:]
    assert decode(text, None, FORM).shape == (SIDE, SIDE, 3)
    assert refused(text.replace(b"\0abc", b"\0abd")) == "corrupt"


def test_a_stream_that_ends_before_its_last_row_is_seen():
    row = b"\0" + bytes(range(1, 13))
    form = ImageForm(4, 4, 3)
    assert decode(made(4, 4, row * 4), None, form).min() == 1
    assert refused(made(4, 4, row * 3), form) == "truncated"
    black = b"\0" + bytes(12)
    assert decode(made(4, 4, row * 3 + black), None, form)[3].max() == 0  # a black row that is there


def test_an_interlaced_stream_is_counted_pass_by_pass():
    image, form = np.arange(1, 9 * 5 + 1, dtype=np.uint8).reshape(5, 9), ImageForm(5, 9, 1)
    passes = [
        image[::8, ::8],
        image[::8, 4::8],
        image[4::8, ::4],
        image[::4, 2::4],
        image[2::4, ::2],
        image[::2, 1::2],
        image[1::2],
    ]
    rows = b"".join(b"\0" + row.tobytes() for one in passes for row in one if row.size)
    assert np.array_equal(decode(made(9, 5, rows, color=0, interlaced=1), None, form)[..., 0], image)
    assert refused(made(9, 5, rows[:-10], color=0, interlaced=1), form) == "truncated"


def test_black_images_are_used():
    for mode in ("RGB", "L", "1", "P", "RGBA"):
        assert decode(encode(Image.new(mode, (SIDE, SIDE)), "PNG"), None, FORM).shape == (SIDE, SIDE, 3)
