"""Stored bytes of a sample, whether an image file or plain pixels, as an array in the form a run needs."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from storage.images import GRAY_MODES, ImageForm, Pixels, in_size, open_image, pixels
from storage.jpeg import Place, decode_jpeg
from storage.pixel_layout import PixelLayout, unit_range

RGB, RGBA = 3, 4
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow weighs red, green and blue
WHOLE_RANGE = {"uint8": 2**8 - 1, "uint16": 2**16 - 1}


def look(payload: bytes, layout: PixelLayout | None) -> tuple[str, tuple[int, int]]:
    """Mode and size (width, height) of an image, from its header.

    Raises
    ------
    BadImageError
        If it has none that can be read.
    """
    if layout is not None:
        return layout.mode, (layout.width, layout.height)
    image = open_image(payload)
    return image.mode, image.size


def is_gray(mode: str) -> bool:
    """Whether a mode that `look` gave has no colour."""
    return mode in GRAY_MODES or mode.endswith(" x 1")


def decode(payload: bytes, layout: PixelLayout | None, form: ImageForm, place: Place | None = None) -> Pixels:
    """An image as an array (height, width, channels): uint8 or uint16 over their whole range, or float32 in [0, 1].

    Parameters
    ----------
    payload
        An image file, or pixels.
    layout
        Of the pixels; None for an image file.
    form
        What the array must be like.
    place
        Where pixels may lie, from `storage.jpeg.place_for`: then the array is valid until it is used again.

    Raises
    ------
    BadImageError
        If the pixels are not complete or not finite, have no known range, or do not fit the form.
    """
    if layout is None:
        decoded = decode_jpeg(payload, form, place)
        return pixels(open_image(payload), form) if decoded is None else _fitted(decoded, form)
    stored = layout.unpack(payload)
    white = WHOLE_RANGE.get(stored.dtype.name) if layout.white is None else layout.white
    whole = white == WHOLE_RANGE.get(stored.dtype.name)
    if whole and stored.dtype == np.uint8:
        return _fitted(stored, form)
    if whole and stored.dtype.name == "uint16" and layout.channels == 1:
        return pixels(_image(stored.astype(np.uint16)), form)
    return _in_form(unit_range(stored, white, form.value_range), form)


def _fitted(stored: npt.NDArray[Any], form: ImageForm) -> Pixels:
    same = stored.shape == (form.height, form.width, form.channels)
    return stored if same else pixels(_image(stored), form)


def _image(stored: npt.NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored))


def _in_form(values: npt.NDArray[np.float32], form: ImageForm) -> npt.NDArray[np.float32]:
    """What `pixels` does to images of 8 bits, for float32 in [0, 1] with 1, 3 or 4 channels."""
    if values.shape[2] == RGBA:
        values = values[..., :RGB] * values[..., RGB:] + 1 - values[..., RGB:]
    if form.channels == 1 and values.shape[2] == RGB:
        values = (values @ LUMA).astype(np.float32)[..., None]
    planes = [np.asarray(in_size(_image(values[..., [channel]]), form)) for channel in range(values.shape[2])]
    stacked = np.stack(planes, axis=-1).clip(0, 1)  # bicubic interpolation overshoots
    return np.broadcast_to(stacked, (*stacked.shape[:2], form.channels))
