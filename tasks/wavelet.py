"""The two-dimensional multilevel discrete wavelet transform, laid out as one row of coefficients an image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pywt

from tasks.filtering import FilterPair, Float32, analysis_filters, synthesis_filters

ORIENTATIONS = ("LH", "HL", "HH")


@dataclass(frozen=True)
class Band:
    """A band of the transform: a run of adjacent coefficients, ordered by channel, row and column.

    Attributes
    ----------
    orientation
        Horizontal, then vertical filter: LL is the approximation, LH, HL and HH are details.
    level
        1 is the finest.
    rows, columns
        Size in each channel.
    start, stop
        Range of coefficients.
    """

    orientation: str
    level: int
    rows: int
    columns: int
    start: int
    stop: int


def deepest_level(height: int, width: int, wavelet: str) -> int:
    """The deepest level allowed: some coefficients are still free of boundary effects; one level always is allowed."""
    return max(1, int(pywt.dwt_max_level(min(height, width), pywt.Wavelet(wavelet).dec_len)))


@dataclass(frozen=True)
class WaveletTransform:
    """The transform of images of one shape.

    Each channel is transformed for itself. The columns are ordered by band (LL first, then LH, HL and HH of each
    level, coarse to fine), channel, row, column. With an orthogonal wavelet, mode periodization and sides divisible
    by 2^level the transform is orthonormal.

    Parameters
    ----------
    wavelet, mode, level
        As PyWavelets names them.
    height, width, channels
        Shape of the images.
    """

    wavelet: str
    mode: str
    level: int
    height: int
    width: int
    channels: int

    @cached_property
    def sides(self) -> list[tuple[int, int]]:
        """Rows and columns of the approximation at levels 0 (the image), 1, ..., `level`."""
        taps = pywt.Wavelet(self.wavelet).dec_len
        sides = [(self.height, self.width)]
        for _ in range(self.level):
            rows, columns = sides[-1]
            sides.append((pywt.dwt_coeff_len(rows, taps, self.mode), pywt.dwt_coeff_len(columns, taps, self.mode)))
        return sides

    @cached_property
    def bands(self) -> list[Band]:
        """All bands in column order."""
        named = [("LL", self.level)]
        named += [(orientation, level) for level in range(self.level, 0, -1) for orientation in ORIENTATIONS]
        bands: list[Band] = []
        start = 0
        for orientation, level in named:
            rows, columns = self.sides[level]
            stop = start + self.channels * rows * columns
            bands.append(Band(orientation, level, rows, columns, start, stop))
            start = stop
        return bands

    @property
    def coefficients(self) -> int:
        """Coefficients an image."""
        return self.bands[-1].stop

    @property
    def orthonormal(self) -> bool:
        """Whether coefficients have the energy of the pixels, and inner products with it."""
        halved = all(side % 2 == 0 for sides in self.sides[:-1] for side in sides)
        return bool(pywt.Wavelet(self.wavelet).orthogonal) and self.mode == "periodization" and halved

    def forward(self, images: Float32, out: Float32 | None = None) -> Float32:
        """Transform images into coefficients.

        Parameters
        ----------
        images
            (n, height, width, channels); fastest if each channel lies in memory on its own.
        out
            Where to write, (n, coefficients); rows must be contiguous.

        Returns
        -------
        Float32
            (n, coefficients): `out`, if it was given.
        """
        if out is None:
            out = np.empty((len(images), self.coefficients), np.float32)
        approximation = np.ascontiguousarray(np.moveaxis(images, 3, 1))
        views = self._views(out)
        for level in range(1, self.level + 1):
            rows, columns = self.sides[level]
            vertical, horizontal = self._filters(analysis_filters, level)
            halved = [pair.along_rows(approximation) for pair in (horizontal.low, horizontal.high)]
            last = level == self.level
            coarser = views["LL", level] if last else np.empty((*approximation.shape[:2], rows, columns), np.float32)
            vertical.low.along_columns(halved[0], coarser)
            vertical.high.along_columns(halved[0], views["LH", level])
            vertical.low.along_columns(halved[1], views["HL", level])
            vertical.high.along_columns(halved[1], views["HH", level])
            approximation = coarser
        return out

    def inverse(self, coefficients: Float32) -> Float32:
        """Turn coefficients (n, coefficients) back into images (n, height, width, channels), both float32."""
        views = self._views(np.ascontiguousarray(coefficients))
        approximation = views["LL", self.level]
        for level in range(self.level, 0, -1):
            vertical, horizontal = self._filters(synthesis_filters, level)
            low = _joined(vertical, approximation, views["LH", level])
            high = _joined(vertical, views["HL", level], views["HH", level])
            approximation = horizontal.low.along_rows(low) + horizontal.high.along_rows(high)
        return np.ascontiguousarray(np.moveaxis(approximation, 1, 3))

    def _views(self, coefficients: Float32) -> dict[tuple[str, int], Float32]:
        """The bands of rows of coefficients as planes (n, channels, rows, columns), by orientation and level."""
        return {
            (band.orientation, band.level): coefficients[:, band.start : band.stop].reshape(
                (len(coefficients), self.channels, band.rows, band.columns), copy=False
            )
            for band in self.bands
        }

    def _filters(self, kind: Callable[[str, str, int], FilterPair], level: int) -> tuple[FilterPair, FilterPair]:
        """Filters along columns and along rows between a level and the one above it."""
        rows, columns = self.sides[level - 1]
        return kind(self.wavelet, self.mode, rows), kind(self.wavelet, self.mode, columns)


def _joined(filters: FilterPair, low: Float32, high: Float32) -> Float32:
    shape = (*low.shape[:2], filters.low.outputs, low.shape[3])
    result, other = np.empty(shape, np.float32), np.empty(shape, np.float32)
    filters.low.along_columns(low, result)
    filters.high.along_columns(high, other)
    result += other
    return result


def to_unit_range(images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | Float32) -> Float32:
    """Scale pixels of an integer type to [0, 1], as float32; those of float32 are in it already."""
    white = 1 if images.dtype.kind == "f" else np.iinfo(images.dtype.name).max
    return np.divide(images, np.float32(white), dtype=np.float32)
