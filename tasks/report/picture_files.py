"""Picture files: images in labelled rows as one PNG file, and small pictures encoded in memory."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from storage.errors import EigenwaveError
from tasks.dtypes import UInt8

SMALLEST = 96  # least side, in pixels, that a small image is enlarged to
TINY = 16
WEBP_QUALITY = 80
GAP = 8
LABEL = 18  # pixels of height
PAPER, INK = (255, 255, 255), (40, 40, 40)


class Picture(NamedTuple):
    """An image (height, width, channels), clipped to [0, 1], and the label below it."""

    values: npt.NDArray[np.floating]
    label: str


def write_pictures(path: Path, rows: Sequence[Sequence[Picture]]) -> None:
    """Write rows of images of one size as a PNG; a single image without a label is written without a frame.

    Raises
    ------
    EigenwaveError
        If the file cannot be written.
    """
    alone = len(rows) == 1 and len(rows[0]) == 1 and not rows[0][0].label
    sheet = _pixels(rows[0][0].values) if alone else _sheet(rows)
    try:
        sheet.save(path, format="PNG")
    except OSError as error:
        raise EigenwaveError(f"{path} cannot be written: {error.strerror or error}; choose another place.") from None


def encode_pictures(rows: Sequence[Sequence[Picture]]) -> bytes:
    """Encode rows of images of one size as a PNG file."""
    content = io.BytesIO()
    _sheet(rows).save(content, format="PNG", optimize=True)
    return content.getvalue()


def encoded_small(pixels: UInt8, lossless_side: int = TINY) -> bytes:
    """Encode a small picture (height, width, 1 or 3) as WebP, without loss up to `lossless_side` pixels a side."""
    content = io.BytesIO()
    lossless = max(pixels.shape[:2]) <= lossless_side
    _picture(pixels).save(content, format="WEBP", lossless=lossless, quality=WEBP_QUALITY)
    return content.getvalue()


def encoded_quickly(pixels: UInt8) -> bytes:
    """Encode a small picture (height, width, 1 or 3) as PNG, in a tenth of the time that WebP takes without loss."""
    content = io.BytesIO()
    _picture(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def decoded(encoded: bytes) -> UInt8:
    """Decode the result of `encoded_small` to pixels (height, width, 3)."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB"))


def data_uri(encoded: bytes) -> str:
    """Return the result of `encoded_small` as a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(encoded).decode()}"


def _sheet(rows: Sequence[Sequence[Picture]]) -> Image.Image:
    height, width = rows[0][0].values.shape[:2]
    scale = -(-SMALLEST // min(height, width)) if min(height, width) < SMALLEST else 1
    across, down = width * scale + GAP, height * scale + LABEL + GAP
    sheet = Image.new("RGB", (GAP + across * max(map(len, rows)), GAP + down * len(rows)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LABEL - 5)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            left, top = GAP + across * column, GAP + down * row
            enlarged = _pixels(picture.values).resize((width * scale, height * scale), Image.Resampling.NEAREST)
            sheet.paste(enlarged.convert("RGB"), (left, top))
            middle = (left + width * scale // 2, top + height * scale + 1)
            draw.text(middle, picture.label, fill=INK, font=font, anchor="ma")
    return sheet


def _pixels(values: npt.NDArray[np.floating]) -> Image.Image:
    return _picture(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))


def _picture(pixels: UInt8) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
