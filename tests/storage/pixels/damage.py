"""Image files, and ways to damage them."""

import io

import numpy as np
from PIL import Image

SIDE = 64
OPTIONS = {
    "JPEG": {"quality": 90},
    "JPEG, progressive": {"quality": 90, "progressive": True},
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
    "TIFF, Deflate": {"compression": "tiff_adobe_deflate"},
    "TIFF, LZW": {"compression": "tiff_lzw"},
    "TIFF, JPEG": {"compression": "jpeg"},
    "WEBP": {"quality": 90},
    "WEBP, lossless": {"lossless": True},
    "AVIF": {"quality": 90},
}


def picture(seed, side=SIDE):
    """Smooth colors with some noise, as photographs have."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    waves = np.stack([np.sin((columns + 7 * seed) / 9 + rows / (11 + seed) + channel) for channel in range(3)], -1)
    return Image.fromarray((120 + 120 * waves + random.normal(0, 6, waves.shape)).clip(0, 255).astype(np.uint8))


def encode(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind.split(",")[0], **{**OPTIONS.get(kind, {}), **options})
    return buffer.getvalue()


def hole(payload, random):
    """64 zeros somewhere behind the headers."""
    place = int(random.integers(200, len(payload) - 70))
    return payload[:place] + bytes(64) + payload[place + 64 :]


def flipped(payload, random):
    """One bit flipped somewhere behind the headers."""
    damaged = bytearray(payload)
    damaged[int(random.integers(200, len(payload) - 2))] ^= 1 << int(random.integers(8))
    return bytes(damaged)
