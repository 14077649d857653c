import io

import numpy as np
import pytest
from PIL import Image

from storage.pixels.facts import BLOCK, FACTS, MODES, describe
from storage.pixels.layout import PixelLayout
from storage.pixels.payloads import look

RANDOM = np.random.default_rng(1)


def encoded(mode, kind, size=(7, 5), **options):
    channels = {"L": 1, "P": 1, "1": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "I;16": 1}[mode]
    pixels = RANDOM.integers(0, 256, (size[1], size[0], channels), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode in {"P", "1"}:
        image = Image.fromarray(pixels[..., 0]).convert(mode)
    else:
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def facts(payload, layout=None):
    return dict(zip(FACTS, describe(payload, layout), strict=True))


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        *((mode, "png", {}) for mode in ("L", "P", "1", "LA", "RGB", "RGBA", "I;16")),
        *((mode, "jpeg", {}) for mode in ("L", "RGB", "CMYK")),
        ("RGB", "jpeg", {"exif": turned()}),
        ("RGB", "png", {"exif": turned()}),
        ("RGB", "jpeg", {"progressive": True}),
        ("RGB", "webp", {}),
        ("RGBA", "webp", {"lossless": True}),
        ("P", "gif", {}),
        ("L", "bmp", {}),
        ("RGB", "tiff", {}),
    ],
)
def test_facts_are_what_a_look_at_the_header_gives(mode, kind, options):
    payload = encoded(mode, kind, **options)
    found, (seen, size) = facts(payload), look(payload, None)
    assert (MODES[found["mode"]], (found["width"], found["height"])) == (seen, size)
    assert size == ((5, 7) if "exif" in options else (7, 5))
    assert found["full_64_kib"] * BLOCK + found["further_bytes"] == len(payload)


def test_facts_of_plain_pixels():
    layout = PixelLayout(5, 7, 3, "<u2")
    found = facts(bytes(layout.nbytes), layout)
    assert (MODES[found["mode"]], found["width"], found["height"]) == ("uint16 x 3", 7, 5)


def test_the_size_of_a_large_file_is_exact_in_float32():
    stored = np.array(describe(bytes(BLOCK * 700 + 3), PixelLayout(1, 1, 1)), np.float32)
    found = dict(zip(FACTS, stored.astype(int), strict=True))
    assert found["full_64_kib"] * BLOCK + found["further_bytes"] == BLOCK * 700 + 3


def test_what_a_header_does_not_give_is_unknown():
    found = facts(b"no image")
    assert np.isnan([found[name] for name in ("width", "height", "mode")]).all()
    assert found["further_bytes"] == len(b"no image")


def test_numbers_of_modes_are_not_changed():
    """They are stored: new ones go to the end."""
    assert (MODES.index("L"), MODES.index("RGB"), MODES.index("I;16B"), MODES.index("float64 x 4")) == (2, 6, 19, 56)
    assert len(set(MODES)) == len(MODES)
