"""The space of the analysis: a wavelet transform with further steps, which turns each image into one row."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Float32, Float64, Mask
from tasks.wavelet.bands import Band, Planes, select
from tasks.wavelet.identity import IdentityTransform
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.transform import WaveletTransform

Transform = WaveletTransform | ModulusTransform | ScatteringTransform | IdentityTransform
Colour = Literal["rgb", "gray", "ycbcr"]
RGB = 3
FINEST = ("HH", 1)
GAUSSIAN = 0.6745  # median absolute value of a standard normal variable

# ITU-R BT.601 as in JPEG, with chroma about zero: the rows compute Y, Cb and Cr from red, green and blue.
LUMA = np.array([0.299, 0.587, 0.114])
YCBCR = np.stack([LUMA, (np.array([0, 0, 1]) - LUMA) / 1.772, (np.array([1, 0, 0]) - LUMA) / 1.402])


@dataclass(frozen=True)
class CoefficientSpace:
    """The conversion of images to rows of coefficients, and back.

    Columns are ordered by band (LL first, then the others, coarse to fine), channel, row, column.

    Parameters
    ----------
    transform
        Transform of each channel.
    image_channels
        Number of channels of an image: 1 (gray) or 3 (RGB).
    colour
        Color space that RGB images are converted to; gray images stay gray.
    chosen, weights
        Bands that are kept, and the factors of their coefficients: see `tasks.wavelet.bands.select`.
    threshold
        Soft threshold of the details, as a multiple of the universal threshold s sqrt(2 ln p) (Donoho and Johnstone
        1994). Here p is the number of coefficients of the image, and s is the median absolute value of the channel's
        finest HH band over 0.6745.
    """

    transform: Transform
    image_channels: int
    colour: Colour = "rgb"
    chosen: str = "all"
    weights: str = ""
    threshold: float = 0.0

    @cached_property
    def bands(self) -> list[Band]:
        """The bands that are kept, in column order.

        Raises
        ------
        ValueError
            If a named band does not exist.
        """
        return select(self.transform.shapes, self.channels, self.chosen, self.weights)

    @property
    def channels(self) -> int:
        """Number of channels of each band."""
        return 1 if self._mix is not None and len(self._mix) == 1 else self.image_channels

    @property
    def coefficients(self) -> int:
        """Number of coefficients of an image."""
        return self.bands[-1].stop

    @property
    def pictured(self) -> bool:
        """Whether rows come from images, so that patterns have pictures."""
        return not isinstance(self.transform, IdentityTransform)

    @property
    def invertible(self) -> bool:
        """Whether coefficients can be turned into images."""
        return isinstance(self.transform, WaveletTransform)

    @property
    def orthonormal(self) -> bool:
        """Whether coefficients have the same energy and inner products as the pixels."""
        whole = len(self.bands) == len(self.transform.shapes) and all(band.weight == 1 for band in self.bands)
        return self.transform.orthonormal and whole and self._mix is None and not self.threshold

    @cached_property
    def _mix(self) -> Float64 | None:
        """Matrix that colors are multiplied by (channels, 3), or None."""
        if self.image_channels != RGB or self.colour == "rgb":
            return None
        return LUMA[None] if self.colour == "gray" else YCBCR

    def forward(self, images: Float32, out: Float32 | None = None) -> Float32:
        """Turn images into coefficients.

        Parameters
        ----------
        images
            Images (n, height, width, image channels) in [0, 1]; fastest if each channel is contiguous in memory.
        out
            Array (n, coefficients) for the result, with contiguous rows, or None.

        Returns
        -------
        Float32
            Coefficients (n, coefficients): `out`, if it was passed.
        """
        if out is None:
            out = np.empty((len(images), self.coefficients), np.float32)
        planes = np.ascontiguousarray(np.moveaxis(images, 3, 1))
        if self._mix is not None:
            planes = _mixed(self._mix, planes)
        kept = self._views(out)
        if self.threshold and FINEST not in kept:
            kept[FINEST] = self._zeros(*FINEST, len(planes))
        self.transform.analyse(planes, kept)
        if self.threshold:
            self._shrink(kept)
        for band in self.bands:
            if band.weight != 1:
                kept[band.orientation, band.level] *= np.float32(band.weight)
        return out

    def inverse(self, coefficients: Float32) -> Float32:
        """Turn coefficients (n, coefficients) into images (n, height, width, channels), both float32.

        Bands that were not kept count as zero. Images that were converted to gray stay gray.

        Raises
        ------
        ValueError
            If the space is not invertible.
        """
        if not isinstance(self.transform, WaveletTransform):
            raise ValueError("Only the transform dwt has an inverse.")  # noqa: TRY004 - a choice, not a type
        kept = self._views(np.ascontiguousarray(coefficients))
        weights = {(band.orientation, band.level): np.float32(band.weight) for band in self.bands}
        bands = {
            (shape.orientation, shape.level): kept[shape[:2]] / weights[shape[:2]]
            if shape[:2] in kept
            else self._zeros(shape.orientation, shape.level, len(coefficients))
            for shape in self.transform.shapes
        }
        planes = self.transform.synthesise(bands)
        if self._mix is not None and len(self._mix) == RGB:
            planes = _mixed(np.linalg.inv(self._mix), planes)
        return np.ascontiguousarray(np.moveaxis(planes, 1, 3))

    def picture(self, coefficients: Float32) -> Float32:
        """Turn coefficients (n, coefficients) into pictures (n, height, width, channels).

        In an invertible space these are images, in others maps of each channel's mean over the bands; for scattering
        over those of its waves. Both are linear: pictures add up as coefficients do.
        """
        if self.invertible:
            return self.inverse(coefficients)
        height, width = self.transform.height, self.transform.width
        maps = np.zeros((len(coefficients), height, width, self.channels), np.float32)
        views = self._views(np.ascontiguousarray(coefficients))
        shown = [band for band in self.bands if band.order != 0] or self.bands
        for band in shown:
            tall = views[band.orientation, band.level][:, :, np.arange(height) * band.rows // height]
            maps += np.moveaxis(tall[..., np.arange(width) * band.columns // width], 1, 3) / len(shown)
        return maps

    def _views(self, coefficients: Float32) -> dict[tuple[str, int], Float32]:
        """View the bands in rows of coefficients as planes (n, channels, rows, columns)."""
        return {
            (band.orientation, band.level): coefficients[:, band.start : band.stop].reshape(
                (len(coefficients), self.channels, band.rows, band.columns), copy=False
            )
            for band in self.bands
        }

    def _zeros(self, orientation: str, level: int, count: int) -> Float32:
        return np.zeros((count, self.channels, *self._sides(orientation, level)), np.float32)

    def _sides(self, orientation: str, level: int) -> tuple[int, int]:
        shape = next(shape for shape in self.transform.shapes if shape[:2] == (orientation, level))
        return shape.rows, shape.columns

    def _shrink(self, bands: Planes) -> None:
        noise = np.median(np.abs(bands[FINEST]), axis=(2, 3), keepdims=True) / GAUSSIAN
        size = self.channels * sum(shape.rows * shape.columns for shape in self.transform.shapes)
        limit = (self.threshold * noise * np.sqrt(2 * np.log(size))).astype(np.float32)
        for (orientation, _), band in bands.items():
            if orientation != "LL":
                np.subtract(band, np.clip(band, -limit, limit), out=band)


def _mixed(matrix: npt.NDArray[np.floating[Any]], planes: Float32) -> Float32:
    """Multiply the channels of planes (n, channels, height, width) by a matrix."""
    count, channels, height, width = planes.shape
    mixed: Float32 = np.matmul(matrix.astype(np.float32), planes.reshape(count, channels, -1))
    return mixed.reshape(count, len(matrix), height, width)


def mean_colours(rows: Float32, used: Mask, space: CoefficientSpace) -> Float64:
    """Mean of the approximation coefficients of each channel, for the used rows (used rows, channels).

    If the transform is orthonormal, this is the mean pixel value up to a factor. Otherwise it is nearly that, since
    boundaries have a slightly different weight. Without an approximation band, the result has no columns.
    """
    approximation = next((band for band in space.bands if band.orientation == "LL"), None)
    if approximation is None or not space.invertible:
        return np.zeros((int(used.sum()), 0))
    coefficients = rows[:, approximation.start : approximation.stop][used]
    size = approximation.rows * approximation.columns
    means: Float64 = coefficients.reshape(-1, space.channels, size).mean(axis=2, dtype=np.float64)
    return means
