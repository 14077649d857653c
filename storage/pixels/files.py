"""Stored bytes of a sample as an image file of its own."""

import io

import numpy as np

from storage.errors import BadImageError
from storage.pixels.images import open_image, to_image
from storage.pixels.layout import PixelLayout

GRAY = 1
ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}  # of the others, the format's name is the ending


def as_file(payload: bytes, layout: PixelLayout | None) -> tuple[str, bytes]:
    """Return the usual ending of an image file, and its bytes.

    An image file stays as it is, to the byte. Plain pixels of 8 bits, and gray ones of 16 bits, become a PNG file,
    which holds them without loss.

    Parameters
    ----------
    payload, layout
        Stored bytes, and how pixels lie in them; None for image files.

    Raises
    ------
    BadImageError
        If its header cannot be read, bytes are missing, or no image file holds such pixels without loss.
    """
    if layout is None:
        kind = open_image(payload).format or ""
        return ENDINGS.get(kind, f".{kind.lower()}"), payload
    require_lossless(layout)
    stored = layout.unpack(payload)
    file = io.BytesIO()
    to_image(stored.astype(stored.dtype.newbyteorder("="))).save(file, "PNG")
    return ".png", file.getvalue()


def require_lossless(layout: PixelLayout | None) -> None:
    """Refuse plain pixels that no image file holds without loss; raises BadImageError."""
    if layout is None:
        return
    if layout.features or not layout.whole or (np.dtype(layout.dtype).itemsize > 1 and layout.channels != GRAY):
        raise BadImageError("no image file", f"none holds values of {layout.mode} without loss")
