"""A space of images that are averaged down first, so that large images cost little more than small ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tasks.dtypes import Float32, Float64
from tasks.wavelet.space import CoefficientSpace


def reduced_sides(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of an image that is averaged down to at most `side` pixels a side, in its proportions."""
    longest = max(height, width, side)
    return max(1, round(height * side / longest)), max(1, round(width * side / longest))


@dataclass(frozen=True)
class ReducedSpace:
    """The conversion of images to rows of coefficients of a smaller image.

    Parameters
    ----------
    space
        Space of the smaller images.
    height, width
        Size of the images.
    """

    space: CoefficientSpace
    height: int
    width: int

    @property
    def coefficients(self) -> int:
        """Number of coefficients of an image."""
        return self.space.coefficients

    def forward(self, images: Float32, out: Float32 | None = None) -> Float32:
        """Turn images (n, height, width, channels) in [0, 1] into coefficients (n, coefficients).

        Parameters
        ----------
        images
            The images; fastest if each channel is contiguous in memory.
        out
            Array for the result, with contiguous rows, or None.
        """
        small = self.space.transform
        if (self.height, self.width) != (small.height, small.width):
            planes = np.ascontiguousarray(np.moveaxis(images, 3, 1))
            images = np.moveaxis(self._down @ (planes @ self._across.T), 1, 3)
        return self.space.forward(images, out)

    @cached_property
    def _down(self) -> Float32:
        return averages(self.height, self.space.transform.height).astype(np.float32)

    @cached_property
    def _across(self) -> Float32:
        return averages(self.width, self.space.transform.width).astype(np.float32)


def averages(length: int, parts: int) -> Float64:
    """Return the matrix (parts, length) that averages a signal over equal parts.

    A sample at the border of two parts counts for each in proportion to its overlap.
    """
    borders = np.linspace(0, length, parts + 1)
    samples = np.arange(length)
    overlap: Float64 = np.minimum(borders[1:, None], samples + 1) - np.maximum(borders[:-1, None], samples)
    return np.maximum(overlap, 0) * (parts / length)
