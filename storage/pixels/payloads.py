"""Decode the stored bytes of a sample, an image file or plain pixels, into an array in the form a run needs."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from storage.pixels import isolated
from storage.pixels.images import (
    GRAY_MODES,
    JPEG_MAGIC,
    ImageForm,
    Pixels,
    in_size,
    open_image,
    pixels,
    to_image,
    upright_size,
)
from storage.pixels.jpeg import ImageDecoder
from storage.pixels.layout import PixelLayout, as_features, unit_range
from storage.pixels.png import SIGNATURE

# Version of the rules by which image files are refused as damaged. It is part of the address of a shard made of image
# files. Raise it when the rules accept a file that they refused before, or the other way round.
STRICTNESS = 1
RGB, RGBA = 3, 4
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow weighs red, green and blue


def look(payload: bytes, layout: PixelLayout | None) -> tuple[str, tuple[int, int]]:
    """Mode and size (width, height) of an image as it is decoded, from its header and Exif.

    Raises
    ------
    BadImageError
        If its header cannot be read.
    """
    if layout is not None:
        return layout.mode, (layout.width, layout.height)
    if not payload.startswith((JPEG_MAGIC, SIGNATURE)):
        return isolated.look(payload)
    image = open_image(payload)
    return image.mode, upright_size(image, payload)


def is_gray(mode: str) -> bool:
    """Whether a mode that `look` gave has no color."""
    return mode in GRAY_MODES or mode.endswith(" x 1")


def decode(payload: bytes, layout: PixelLayout | None, form: ImageForm, notes: Counter[str] | None = None) -> Pixels:
    """Decode one image into an array; `decoder` is faster for many images."""
    return decoder(layout, form, notes)(payload)


def decoder(
    layout: PixelLayout | None, form: ImageForm, notes: Counter[str] | None = None
) -> Callable[[bytes], Pixels]:
    """Make a function that decodes images of a dataset, one after the other, into arrays (height, width, channels).

    Arrays have the type uint8 or uint16 over its whole range, or float32 in [0, 1]; features are float32 as they are.
    Each is valid until the next image is decoded. Decoding raises BadImageError if pixels are missing, are not finite,
    have no known range, or do not fit the form, or if the format shows that they are damaged.

    Parameters
    ----------
    layout
        Layout of stored pixels; None for image files.
    form
        Form of the arrays.
    notes
        Counts harmless oddities of image files, by kind.
    """
    return ImageDecoder(form, notes).decode if layout is None else partial(_unpacked, layout=layout, form=form)


def _unpacked(payload: bytes, layout: PixelLayout, form: ImageForm) -> Pixels:
    stored = layout.unpack(payload)
    if layout.features:
        return as_features(stored)
    if layout.whole and stored.dtype == np.uint8:
        same = stored.shape == (form.height, form.width, form.channels)
        return stored if same else pixels(to_image(stored), form)  # type: ignore[return-value]
    if layout.whole and layout.channels == 1:
        return pixels(to_image(stored.astype(np.uint16)), form)
    return _in_form(unit_range(stored, layout.known_white, form.value_range), form)


def _in_form(values: npt.NDArray[np.float32], form: ImageForm) -> npt.NDArray[np.float32]:
    """Convert float32 pixels in [0, 1] with 1, 3 or 4 channels to the form, as `pixels` does for images of 8 bits."""
    if values.shape[2] == RGBA:
        values = values[..., :RGB] * values[..., RGB:] + 1 - values[..., RGB:]
    if form.channels == 1 and values.shape[2] == RGB:
        values = (values @ LUMA).astype(np.float32)[..., None]
    planes = [np.asarray(in_size(to_image(values[..., [channel]]), form)) for channel in range(values.shape[2])]
    stacked = np.stack(planes, axis=-1).clip(0, 1)  # bicubic interpolation overshoots
    return np.broadcast_to(stacked, (*stacked.shape[:2], form.channels))
