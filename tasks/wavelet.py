"""The two-dimensional multilevel discrete wavelet transform, laid out as one row of coefficients an image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pywt

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

    def forward(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Transform images (n, height, width, channels) into coefficients (n, coefficients), both float32."""
        approximation = np.ascontiguousarray(np.moveaxis(images, 3, 1))
        details: list[npt.NDArray[np.float32]] = []
        for _ in range(self.level):
            approximation, detail = pywt.dwt2(approximation, self.wavelet, self.mode, axes=(-2, -1))
            details = [*detail, *details]
        coefficients = np.empty((len(images), self.coefficients), np.float32)
        for band, values in zip(self.bands, [approximation, *details], strict=True):
            coefficients[:, band.start : band.stop] = values.reshape(len(images), -1)
        return coefficients

    def inverse(self, coefficients: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Turn coefficients (n, coefficients) back into images (n, height, width, channels), both float32."""
        approximation, *details = (
            coefficients[:, band.start : band.stop].reshape(-1, self.channels, band.rows, band.columns)
            for band in self.bands
        )
        for step, level in enumerate(range(self.level, 0, -1)):
            rows, columns = self.sides[level - 1]
            detail = tuple(details[3 * step : 3 * step + 3])
            # Odd sides come back one longer than they were.
            approximation = pywt.idwt2((approximation, detail), self.wavelet, self.mode, axes=(-2, -1))
            approximation = approximation[..., :rows, :columns]
        return np.ascontiguousarray(np.moveaxis(approximation, 1, 3))


def to_unit_range(images: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Scale pixels of an integer type to [0, 1], as float32."""
    return np.divide(images, np.float32(np.iinfo(images.dtype).max), dtype=np.float32)
