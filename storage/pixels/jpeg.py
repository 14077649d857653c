"""A fast decoder for most JPEG files, with the same pixels as `storage.pixels.images` to the bit."""

import re
import struct
from collections import Counter

import numpy as np
import numpy.typing as npt
import simplejpeg

from storage.errors import BadImageError
from storage.pixels import isolated
from storage.pixels.images import (
    JPEG_MAGIC,
    ORIENTATION_TAG,
    ImageForm,
    Pixels,
    decode_file,
    in_size,
    open_image,
    to_image,
)
from storage.pixels.jpeg_warnings import SCAN, require_binary, require_few_scans
from storage.pixels.png import is_plain
from storage.pixels.resizing import Size, part_filled

APP1 = b"\xff\xe1"  # the segment that holds Exif or XMP, and with it a rotation
COMPONENTS = {"Gray": 1, "YCbCr": 3, "RGB": 3}
ALIGNED = 32  # bytes
MOST_RESIZED = 2**22  # decoded pixels of an image to resize; for more, Pillow needs less memory
CARRIAGE_RETURN = 13
NO_HEADER = b"no JPEG file begins like this"

# The header that most encoders write, with segments of fixed lengths (ITU-T T.81, annex B): start, JFIF, quantization,
# the frame with its sides and components, Huffman tables, and the beginning of a scan of all components. It has no
# segment for a rotation, and no second scan.
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
    """Decodes image files one after the other, and JPEG files without Pillow if that gives the same bits.

    Parameters
    ----------
    form
        Form of the arrays.
    notes
        Counts harmless oddities, by kind.
    """

    def __init__(self, form: ImageForm, notes: Counter[str] | None = None) -> None:
        self._form = form
        self._notes = notes
        self._colors = "GRAY" if form.channels == 1 else "RGB"
        self._place = place_for(form)
        # The header of the last file that fitted, since most files of a dataset begin with the same bytes.
        self._header = NO_HEADER

    def decode(self, payload: bytes) -> Pixels:
        """Decode a file into an array (height, width, channels) that is valid until the next is decoded.

        Raises
        ------
        BadImageError
            See `storage.pixels.images.decode_file` and `storage.pixels.isolated.decode`.
        """
        header = self._header
        if payload.startswith(header) and payload[payload.find(b"\n", len(header)) - 1] != CARRIAGE_RETURN:
            try:
                # Its faster transform and upsampling give other pixels, so they are off. Any warning is a ValueError.
                return simplejpeg.decode_jpeg(payload, self._colors, buffer=self._place)  # type: ignore[no-any-return]
            except ValueError:
                pass  # the slow decoder reports what is wrong
        plain = self.decode_plain(payload)
        if plain is not None:
            return plain
        decode = decode_file if is_plain(payload) else isolated.decode
        return decode(payload, self._form, self._notes)

    def decode_plain(self, payload: bytes) -> Pixels | None:
        """Decode a JPEG file that needs only decoding, and perhaps resizing.

        Returns
        -------
        NDArray or None
            None if the file is not JPEG, is rotated, is in color although gray is wanted, is large, or draws a warning
            of the decoder. Such files are left to `decode_file`, which decodes them or gives the reason why not.
        """
        try:
            plain = PLAIN.match(payload)
            height, width, components = FRAME.unpack(plain[plain.lastindex or 0]) if plain else _frame(payload)
            size = width, height
            fits, scale = size == self._form.size, self._form.scale(size)
            most = self._form.most_pixels if fits else min(self._form.most_pixels, MOST_RESIZED * scale**2)
            if components > self._form.channels or height * width > most:
                return None
            require_binary(payload[plain.end() :] if plain else payload[payload.rfind(SCAN) :])
            decoded = self._decoded(payload, size, scale)
        except (ValueError, KeyError, BadImageError):  # KeyError: simplejpeg has no name for the sampling
            return None
        if not fits:
            array = np.asarray(in_size(to_image(decoded), self._form, part_filled(size, scale)))
            return array.reshape(*array.shape[:2], self._form.channels)
        self._header = plain[0] if plain else NO_HEADER
        return decoded

    def _decoded(self, payload: bytes, size: Size, scale: int) -> npt.NDArray[np.uint8]:
        """Decode a file at a scale. simplejpeg takes the smallest scale that gives the stated sides, or 1 without."""
        width, height = (-(-side // scale) if scale > 1 else 0 for side in size)
        place = self._place if size == self._form.size else None
        return simplejpeg.decode_jpeg(  # type: ignore[no-any-return]
            payload, self._colors, min_height=height, min_width=width, buffer=place
        )


def _frame(payload: bytes) -> tuple[int, int, int]:
    """Height, width and components by parsing; ValueError if not a JPEG file, rotated, or of other colors."""
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
    """Allocate a one-dimensional buffer for the pixels of an image.

    If rows begin at multiples of 32 bytes, libjpeg-turbo writes them past the cache, which adds half to the time of
    decoding a small image. Half of all allocations begin at such a multiple, so this buffer begins between two.
    """
    size = form.height * form.width * form.channels
    room = np.empty(size + ALIGNED, np.uint8)
    start = (ALIGNED // 2 - room.ctypes.data) % ALIGNED
    return room[start : start + size]
