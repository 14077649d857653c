"""A fast way to the pixels of most JPEG files, bit for bit those that Pillow gives."""

import re
import struct

import numpy as np
import numpy.typing as npt
import simplejpeg

from storage.images import MAX_PIXELS, ImageForm

Place = npt.NDArray[np.uint8]  # one-dimensional memory for the pixels of one image

MAGIC = b"\xff\xd8\xff"
APP1 = b"\xff\xe1"  # the segment that holds Exif or XMP, and with it a rotation
COMPONENTS = {"Gray": 1, "YCbCr": 3, "RGB": 3}
ALIGNED = 32  # bytes
MOST_RESIZED = 2**22  # pixels of an image of another size: beyond, Pillow needs less memory

# Everything before the pixels as most encoders write it, every segment of a stated length (ITU-T T.81, annex B): start,
# JFIF, quantisation, the frame with its sides and components, and Huffman tables. There is no place for a rotation.
PLAIN = re.compile(
    rb"""
    \xff\xd8
    (?: \xff\xe0 \x00\x10 .{14} )?
    (?: \xff\xdb \x00 (?: \x43 .{65} | \x84 .{130} ) )+
    \xff[\xc0-\xc2] \x00 (?: \x0b\x08 (....\x01) .{3} | \x11\x08 (....\x03) .{9} )
    (?: \xff\xc4 (?: \x00\x1f .{29} | \x00\xb5 .{179} | \x01\xa2 .{416} ) )+
    \xff\xda
    """,
    re.DOTALL | re.VERBOSE,
)
FRAME = struct.Struct(">HHB")  # height, width, components


def decode_jpeg(payload: bytes, form: ImageForm, place: Place | None = None) -> npt.NDArray[np.uint8] | None:
    """Decode a JPEG file that needs nothing but decoding into an array (height, width, channels), of its own size.

    Parameters
    ----------
    payload
        The file.
    form
        What the image is for.
    place
        Where its pixels may lie if it has the size of the form; see `place_for`.

    Returns
    -------
    NDArray or None
        None if it is something else, may be rotated, is colour where `form` wants gray, is large, or if anything at all
        is wrong with it: whatever is not plain is left to Pillow, which decides and says why.
    """
    try:
        height, width, components = _frame(payload)
        fits = height == form.height and width == form.width
        if components > form.channels or height * width > (MAX_PIXELS if fits else MOST_RESIZED):
            return None
        # Never with its faster transform or upsampling: those give other pixels.
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
            payload, "GRAY" if form.channels == 1 else "RGB", buffer=place if fits else None
        )
    except ValueError:
        return None
    return pixels


def _frame(payload: bytes) -> tuple[int, int, int]:
    """Height, width and components; ValueError if it is no JPEG file, may be rotated, or has other colours."""
    plain = PLAIN.match(payload)
    if plain:
        return FRAME.unpack(plain[plain.lastindex or 0])
    if not payload.startswith(MAGIC) or APP1 in payload:
        raise ValueError
    height, width, colour_space, _ = simplejpeg.decode_jpeg_header(payload)
    if colour_space not in COMPONENTS:
        raise ValueError
    return height, width, COMPONENTS[colour_space]


def place_for(form: ImageForm) -> Place:
    """Memory for the pixels of one image after the other, each valid until the next is decoded.

    Where rows begin at multiples of 32 bytes, libjpeg-turbo writes them past the cache, which for a small image takes
    half as long again as decoding it; and half of all memory begins there. Here they begin in the middle.
    """
    size = form.height * form.width * form.channels
    room = np.empty(size + ALIGNED, np.uint8)
    start = (ALIGNED // 2 - room.ctypes.data) % ALIGNED
    return room[start : start + size]
