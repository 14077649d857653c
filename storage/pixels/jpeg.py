"""A fast way to the pixels of most JPEG files, bit for bit those that Pillow gives."""

import re
import struct
from collections import Counter

import numpy as np
import numpy.typing as npt
import simplejpeg

from storage.errors import BadImageError
from storage.pixels.images import (
    JPEG_MAGIC,
    MAX_PIXELS,
    ORIENTATION_TAG,
    ImageForm,
    Pixels,
    decode_file,
    open_image,
    pixels,
    to_image,
)
from storage.pixels.jpeg_warnings import SCAN, require_binary, require_few_scans

APP1 = b"\xff\xe1"  # the segment that holds Exif or XMP, and with it a rotation
COMPONENTS = {"Gray": 1, "YCbCr": 3, "RGB": 3}
ALIGNED = 32  # bytes
MOST_RESIZED = 2**22  # pixels of an image of another size: beyond, Pillow needs less memory
CARRIAGE_RETURN = 13
NO_HEADER = b"no JPEG file begins like this"

# Everything before the pixels as most encoders write it, every segment of a stated length (ITU-T T.81, annex B): start,
# JFIF, quantization, the frame with its sides and components, Huffman tables, and the beginning of a scan that has all
# components. There is no place for a rotation, nor for a second scan.
PLAIN = re.compile(
    rb"""
    \xff\xd8
    (?: \xff\xe0 \x00\x10 .{14} )?
    (?: \xff\xdb \x00 (?: \x43 .{65} | \x84 .{130} ) )+
    \xff[\xc0\xc1] \x00 (?: \x0b\x08 (....\x01) .{3} | \x11\x08 (....\x03) .{9} )
    (?: \xff\xc4 (?: \x00\x1f .{29} | \x00\xb5 .{179} | \x01\xa2 .{416} ) )+
    \xff\xda \x00 (?(1) \x08\x01 | \x0c\x03 )
    """,
    re.DOTALL | re.VERBOSE,
)
FRAME = struct.Struct(">HHB")  # height, width, components


class ImageDecoder:
    """Decodes image files one after the other, JPEG without Pillow where that gives the same bits.

    Parameters
    ----------
    form
        What arrays must be like.
    notes
        Counts harmless oddities, by kind.
    """

    def __init__(self, form: ImageForm, notes: Counter[str] | None = None) -> None:
        self._form = form
        self._notes = notes
        self._colors = "GRAY" if form.channels == 1 else "RGB"
        self._place = place_for(form)
        # All before the pixels of a file that fitted: most files of a dataset begin with the same bytes.
        self._header = NO_HEADER

    def decode(self, payload: bytes) -> Pixels:
        """Decode a file into an array (height, width, channels) that is valid until the next is decoded.

        Raises
        ------
        BadImageError
            See `storage.pixels.images.decode_file`.
        """
        header = self._header
        if payload.startswith(header) and payload[payload.find(b"\n", len(header)) - 1] != CARRIAGE_RETURN:
            try:
                # Never with its faster transform or upsampling: those give other pixels. Any warning is a ValueError.
                return simplejpeg.decode_jpeg(payload, self._colors, buffer=self._place)  # type: ignore[no-any-return]
            except ValueError:
                pass  # the slow way says what is wrong with it
        plain = self.decode_plain(payload)
        return decode_file(payload, self._form, self._notes) if plain is None else plain

    def decode_plain(self, payload: bytes) -> Pixels | None:
        """Decode a JPEG file that needs nothing but decoding, and perhaps another size.

        Returns
        -------
        NDArray or None
            None if it is something else, is rotated, is color where gray is wanted, is large, or if the decoder warns
            of anything: whatever is not plain is left to `decode_file`, which decides and says why.
        """
        try:
            plain = PLAIN.match(payload)
            height, width, components = FRAME.unpack(plain[plain.lastindex or 0]) if plain else _frame(payload)
            fits = (height, width) == (self._form.height, self._form.width)
            if components > self._form.channels or height * width > (MAX_PIXELS if fits else MOST_RESIZED):
                return None
            require_binary(payload[plain.end() :] if plain else payload[payload.rfind(SCAN) :])
            decoded = simplejpeg.decode_jpeg(payload, self._colors, buffer=self._place if fits else None)
        except (ValueError, KeyError, BadImageError):  # KeyError: simplejpeg has no name for the sampling
            return None
        if not fits:
            return pixels(to_image(decoded), self._form)
        self._header = plain[0] if plain else NO_HEADER
        return decoded  # type: ignore[no-any-return]


def _frame(payload: bytes) -> tuple[int, int, int]:
    """Height, width and components, slowly; ValueError if it is no JPEG file, is rotated, or has other colors."""
    if not payload.startswith(JPEG_MAGIC):
        raise ValueError
    require_few_scans(payload)
    height, width, color_space, _ = simplejpeg.decode_jpeg_header(payload)
    if color_space not in COMPONENTS or (APP1 in payload and _rotated(payload)):
        raise ValueError
    return height, width, COMPONENTS[color_space]


def _rotated(payload: bytes) -> bool:
    return bool(open_image(payload).getexif().get(ORIENTATION_TAG, 1) != 1)


def place_for(form: ImageForm) -> npt.NDArray[np.uint8]:
    """Memory for the pixels of an image, one-dimensional.

    Where rows begin at multiples of 32 bytes, libjpeg-turbo writes them past the cache, which for a small image takes
    half as long again as decoding it; and half of all memory begins there. Here they begin in the middle.
    """
    size = form.height * form.width * form.channels
    room = np.empty(size + ALIGNED, np.uint8)
    start = (ALIGNED // 2 - room.ctypes.data) % ALIGNED
    return room[start : start + size]
