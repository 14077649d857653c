"""A fast way to the pixels of most JPEG files, bit for bit those that Pillow gives."""

import numpy as np
import numpy.typing as npt
import simplejpeg

from storage.images import MAX_PIXELS, ImageForm

MAGIC = b"\xff\xd8\xff"
APP1 = b"\xff\xe1"  # the segment that holds Exif or XMP, and with it a rotation
COLOUR_SPACES = {1: frozenset({"Gray"}), 3: frozenset({"Gray", "YCbCr", "RGB"})}


def decode_jpeg(payload: bytes, form: ImageForm) -> npt.NDArray[np.uint8] | None:
    """Decode a JPEG file that needs nothing but decoding into an array (height, width, channels).

    Returns
    -------
    NDArray or None
        None if it is something else, may be rotated, has another size or colour space than `form` asks for, or if
        anything at all is wrong with it: whatever is not plain is left to Pillow, which decides and says why.
    """
    if not payload.startswith(MAGIC) or APP1 in payload:
        return None
    try:
        height, width, colour_space, _ = simplejpeg.decode_jpeg_header(payload)
        if (height, width) != (form.height, form.width) or height * width > MAX_PIXELS:
            return None
        if colour_space not in COLOUR_SPACES[form.channels]:
            return None
        # Never with its faster transform or upsampling: those give other pixels.
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(payload, "GRAY" if form.channels == 1 else "RGB")
    except ValueError:
        return None
    return pixels
