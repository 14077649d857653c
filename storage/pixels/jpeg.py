"""A fast way to the pixels of most JPEG files, bit for bit those that Pillow gives."""

import re
import struct

import numpy as np
import numpy.typing as npt
import simplejpeg

from storage.pixels.images import MAX_PIXELS, ImageForm, Pixels, open_image, pixels, to_image

MAGIC = b"\xff\xd8\xff"
APP1 = b"\xff\xe1"  # the segment that holds Exif or XMP, and with it a rotation
COMPONENTS = {"Gray": 1, "YCbCr": 3, "RGB": 3}
ALIGNED = 32  # bytes
MOST_RESIZED = 2**22  # pixels of an image of another size: beyond, Pillow needs less memory
NO_HEADER = b"no JPEG file begins like this"

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


class ImageDecoder:
    """Decodes image files one after the other, JPEG without Pillow where that gives the same bits.

    Parameters
    ----------
    form
        What arrays must be like.
    """

    def __init__(self, form: ImageForm) -> None:
        self._form = form
        self._colours = "GRAY" if form.channels == 1 else "RGB"
        self._place = place_for(form)
        # All before the pixels of a file that fitted: most files of a dataset begin with the same bytes.
        self._header = NO_HEADER

    def decode(self, payload: bytes) -> Pixels:
        """Decode a file into an array (height, width, channels) that is valid until the next is decoded.

        Raises
        ------
        BadImageError
            See `storage.pixels.images.pixels`.
        """
        if payload.startswith(self._header):
            try:
                # Never with its faster transform or upsampling: those give other pixels.
                return simplejpeg.decode_jpeg(payload, self._colours, buffer=self._place)  # type: ignore[no-any-return]
            except ValueError:
                pass  # Pillow says what is wrong with it
        plain = self.decode_plain(payload)
        return pixels(open_image(payload), self._form) if plain is None else plain

    def decode_plain(self, payload: bytes) -> Pixels | None:
        """Decode a JPEG file that needs nothing but decoding, and perhaps another size.

        Returns
        -------
        NDArray or None
            None if it is something else, may be rotated, is colour where gray is wanted, is large, or if anything at
            all is wrong with it: whatever is not plain is left to Pillow, which decides and says why.
        """
        try:
            plain = PLAIN.match(payload)
            height, width, components = FRAME.unpack(plain[plain.lastindex or 0]) if plain else _frame(payload)
            fits = (height, width) == (self._form.height, self._form.width)
            if components > self._form.channels or height * width > (MAX_PIXELS if fits else MOST_RESIZED):
                return None
            decoded = simplejpeg.decode_jpeg(payload, self._colours, buffer=self._place if fits else None)
        except ValueError:
            return None
        if not fits:
            return pixels(to_image(decoded), self._form)
        self._header = plain[0] if plain else NO_HEADER
        return decoded  # type: ignore[no-any-return]


def _frame(payload: bytes) -> tuple[int, int, int]:
    """Height, width and components, slowly; ValueError if it is no JPEG file, may be rotated, or has other colours."""
    if not payload.startswith(MAGIC) or APP1 in payload:
        raise ValueError
    height, width, colour_space, _ = simplejpeg.decode_jpeg_header(payload)
    if colour_space not in COMPONENTS:
        raise ValueError
    return height, width, COMPONENTS[colour_space]


def place_for(form: ImageForm) -> npt.NDArray[np.uint8]:
    """Memory for the pixels of an image, one-dimensional.

    Where rows begin at multiples of 32 bytes, libjpeg-turbo writes them past the cache, which for a small image takes
    half as long again as decoding it; and half of all memory begins there. Here they begin in the middle.
    """
    size = form.height * form.width * form.channels
    room = np.empty(size + ALIGNED, np.uint8)
    start = (ALIGNED // 2 - room.ctypes.data) % ALIGNED
    return room[start : start + size]
