"""Bring images to a wanted size, and say at which scale a JPEG file may be decoded for that.

libjpeg decodes a file at an eighth, a quarter or half of its size in less time than at its whole size, since it leaves
out the high frequencies of each block.
"""

import math
from typing import Literal

from PIL import Image

Size = tuple[int, int]  # width and height in pixels
Box = tuple[float, float, float, float]  # left, top, right and bottom in pixels
Fit = Literal["crop", "pad"]

SCALES = (8, 4, 2)  # an image is decoded at one over this
SPARE = 2  # a decoded image has at least so many pixels a side for each wanted one

QUARTER_TURNS = frozenset({5, 6, 7, 8})  # orientations that swap width and height (Exif 2.32, tag 0x0112)
# Orientations whose upright image has, at its left or at its top, the right or lower end of the stored one.
END_AT_LEFT = frozenset({2, 3, 6, 7})
END_AT_TOP = frozenset({3, 4, 7, 8})


def scale_for(size: Size, wanted: Size, fit: Fit) -> int:
    """Return the scale to decode a JPEG file at: 8, 4 or 2 for an eighth, a quarter or half, or 1.

    It is the largest that leaves `SPARE` decoded pixels for each wanted one: on the side that is cut least if the image
    is cropped, and on the side that fills the frame if it is padded.

    Parameters
    ----------
    size
        Of the stored image.
    wanted
        Size to which it will be resized.
    fit
        How it will be resized; see `resized`.
    """
    ratios = size[0] / wanted[0], size[1] / wanted[1]
    ratio = min(ratios) if fit == "crop" else max(ratios)
    return next((scale for scale in SCALES if ratio >= SPARE * scale), 1)


def part_filled(size: Size, scale: int, orientation: int = 1) -> Box:
    """Return the part of an image, decoded at a scale and turned upright, that shows the picture.

    A decoded image has a whole number of pixels. The last ones reach beyond the picture if its size is not a multiple
    of the scale.

    Parameters
    ----------
    size
        Of the stored image.
    scale
        The scale.
    orientation
        The stored image's orientation (Exif 2.32, tag 0x0112).
    """
    across, down = size[0] / scale, size[1] / scale
    if orientation in QUARTER_TURNS:
        across, down = down, across
    left = math.ceil(across) - across if orientation in END_AT_LEFT else 0
    top = math.ceil(down) - down if orientation in END_AT_TOP else 0
    return left, top, left + across, top + down


def resized(image: Image.Image, wanted: Size, fit: Fit, part: Box | None = None) -> Image.Image:
    """Resize an image, or a part of it, without distorting it, by bicubic interpolation.

    Parameters
    ----------
    image
        The image.
    wanted
        Size of the result.
    fit
        `crop` fills the result and cuts off the rest in equal parts; `pad` shows everything, in the middle of black.
    part
        The part of the image to resize; by default all of it.
    """
    left, top, right, bottom = part = part or (0, 0, *image.size)
    across, down = right - left, bottom - top
    if fit == "crop":
        width, height = min(across, down * wanted[0] / wanted[1]), min(down, across * wanted[1] / wanted[0])
        left, top = left + (across - width) / 2, top + (down - height) / 2
        return image.resize(wanted, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    inner = min(wanted[0], round(across / down * wanted[1])), min(wanted[1], round(down / across * wanted[0]))
    framed = Image.new(image.mode, wanted)
    if min(inner) > 0:
        small = image.resize(inner, Image.Resampling.BICUBIC, part)
        framed.paste(small, (round((wanted[0] - inner[0]) / 2), round((wanted[1] - inner[1]) / 2)))
    return framed
