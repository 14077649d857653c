"""Pixels that are stored as plain arrays, without an image format."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.errors import BadImageError

Float32 = npt.NDArray[np.float32]

LARGEST_FEATURE = 1e15  # in magnitude: sums of squares of a million of them are still numbers of float32
LARGEST = {"uint8": 2**8 - 1, "uint16": 2**16 - 1}


@dataclass(frozen=True)
class PixelLayout:
    """Layout of an image's pixels in its stored bytes.

    Attributes
    ----------
    height, width, channels
        Size of every image; 1 channel is gray, 3 are RGB, 4 are RGB and alpha.
    dtype
        NumPy's name of the type, with its byte order.
    planar
        Whether pixels are stored as (channels, height, width), not as (height, width, channels).
    white
        Value of white if black is 0; None for the largest value of an unsigned type, or if white is not known.
    features
        Whether each row (1, width, 1) is no image but holds features of one.
    """

    height: int
    width: int
    channels: int
    dtype: str = "uint8"
    planar: bool = False
    white: float | None = None
    features: bool = False

    @cached_property
    def nbytes(self) -> int:
        """Size of one image in bytes."""
        return self.height * self.width * self.channels * np.dtype(self.dtype).itemsize

    @cached_property
    def known_white(self) -> float | None:
        """Value of full white, if it is known."""
        return LARGEST.get(np.dtype(self.dtype).name) if self.white is None else self.white

    @cached_property
    def whole(self) -> bool:
        """Whether full white is the largest value of an unsigned type of 8 or 16 bits."""
        return self.known_white is not None and self.known_white == LARGEST.get(np.dtype(self.dtype).name)

    @property
    def mode(self) -> str:
        """The kind of pixels, such as `uint8 x 3`."""
        return f"{np.dtype(self.dtype).name} x {self.channels}"

    def unpack(self, payload: bytes) -> npt.NDArray[np.generic]:
        """The stored pixels as an array (height, width, channels).

        Raises
        ------
        BadImageError
            If there are too few or too many bytes.
        """
        if len(payload) != self.nbytes:
            raise BadImageError("truncated", f"{len(payload)} bytes where an image has {self.nbytes}")
        values = np.frombuffer(payload, self.dtype)
        if self.planar:
            return values.reshape(self.channels, self.height, self.width).transpose(1, 2, 0)
        return values.reshape(self.height, self.width, self.channels)


def unit_range(
    values: npt.NDArray[np.generic], white: float | None, value_range: tuple[float, float] | None
) -> npt.NDArray[np.float32]:
    """Scale pixels so that black is 0 and white is 1.

    Parameters
    ----------
    values
        Of any numeric type.
    white
        Value of white if black is 0, if it is known.
    value_range
        Values of black and white, if the user gave them.

    Raises
    ------
    BadImageError
        If the range is not known, or values are not finite or lie outside it.
    """
    if white is not None:
        value_range = (0, white)
    if value_range is None:
        raise BadImageError("unknown range", f"pixels of {values.dtype} have no stated range; set --value-range")
    numbers = values.astype(np.float64)
    infinite = numbers.size - int(np.isfinite(numbers).sum())
    if infinite:
        raise BadImageError("not finite", f"{infinite} of {numbers.size} values are NaN or infinite")
    low, high = value_range
    if numbers.min() < low or numbers.max() > high:
        raise BadImageError(
            "out of range", f"values from {numbers.min():g} to {numbers.max():g} where black is {low:g}, white {high:g}"
        )
    return ((numbers - low) / (high - low)).astype(np.float32)


def as_features(values: npt.NDArray[np.generic]) -> Float32:
    """Return features as float32.

    Raises
    ------
    BadImageError
        If one is NaN or infinite, or larger than `LARGEST_FEATURE` in magnitude.
    """
    numbers = values.astype(np.float64)
    infinite = numbers.size - int(np.isfinite(numbers).sum())
    if infinite:
        raise BadImageError("not finite", f"{infinite} of {numbers.size} values are NaN or infinite")
    largest = float(np.abs(numbers).max())
    if largest > LARGEST_FEATURE:
        raise BadImageError(
            "out of range", f"a feature is {largest:g} in magnitude; at most {LARGEST_FEATURE:g} is read"
        )
    return numbers.astype(np.float32)


def to_unit_range(images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | Float32) -> Float32:
    """Scale pixels of an integer type to [0, 1], as float32; pixels of float32 are already in that range."""
    return np.divide(images, np.float32(white(images.dtype)), dtype=np.float32)


def white(dtype: np.dtype[Any]) -> int:
    """The value of white in images of a type."""
    return 1 if dtype.kind == "f" else 2 ** (8 * dtype.itemsize) - 1
