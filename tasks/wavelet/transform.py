"""The two-dimensional multilevel discrete wavelet transform."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pywt

from tasks.dtypes import Float32
from tasks.wavelet.bands import DETAILS, Planes, Shape
from tasks.wavelet.filters import FilterPair, analysis_filters, synthesis_filters


def deepest_level(height: int, width: int, wavelet: str) -> int:
    """Return the deepest level at which some coefficients are free of boundary effects, or 1 if there is none."""
    return max(1, int(pywt.dwt_max_level(min(height, width), pywt.Wavelet(wavelet).dec_len)))


def require_level(level: int, height: int, width: int, wavelet: str) -> None:
    """Refuse a level that is too deep for images of a size.

    Raises
    ------
    ValueError
        If it is. The message has the levels that are allowed.
    """
    deepest = deepest_level(height, width, wavelet)
    if level > deepest:
        raise ValueError(
            f"Level {level} is too deep for images of {width} x {height} pixels and the wavelet {wavelet}: set --level "
            f"from 1 to {deepest}."
        )


@dataclass(frozen=True)
class WaveletTransform:
    """Mallat's transform of planes of one size, equal to `pywt.wavedec2`.

    Parameters
    ----------
    wavelet, mode, level
        Wavelet, boundary mode and level, as in PyWavelets.
    height, width
        Size of the planes.
    """

    wavelet: str
    mode: str
    level: int
    height: int
    width: int

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
    def shapes(self) -> list[Shape]:
        """All bands: LL, then LH, HL and HH of each level, coarse to fine."""
        named = [("LL", self.level)]
        named += [(orientation, level) for level in range(self.level, 0, -1) for orientation in DETAILS]
        return [Shape(orientation, level, *self.sides[level]) for orientation, level in named]

    @property
    def orthonormal(self) -> bool:
        """Whether coefficients have the same energy and inner products as the pixels.

        They have with an orthogonal wavelet, mode periodization and sides divisible by 2^level.
        """
        halved = all(side % 2 == 0 for sides in self.sides[:-1] for side in sides)
        return bool(pywt.Wavelet(self.wavelet).orthogonal) and self.mode == "periodization" and halved

    def require_possible(self) -> None:
        """Refuse a level that is too deep for the size; raises ValueError."""
        require_level(self.level, self.height, self.width, self.wavelet)

    def analyse(self, planes: Float32, bands: Planes) -> None:
        """Transform planes (n, channels, height, width), and fill the arrays in `bands`; other bands are skipped."""
        for level in range(1, self.level + 1):
            vertical, horizontal = self._filters(analysis_filters, level)
            low, high = (filters.along_rows(planes) for filters in (horizontal.low, horizontal.high))
            for filters, halved, orientation in (
                (vertical.high, low, "LH"), (vertical.low, high, "HL"), (vertical.high, high, "HH")
            ):  # fmt: skip
                if (orientation, level) in bands:
                    filters.along_columns(halved, bands[orientation, level])
            target = bands.get(("LL", level))
            if target is None:
                target = np.empty((*planes.shape[:2], *self.sides[level]), np.float32)
            vertical.low.along_columns(low, target)
            planes = target

    def synthesise(self, bands: Planes) -> Float32:
        """Rebuild planes (n, channels, height, width) from all bands."""
        planes = bands["LL", self.level]
        for level in range(self.level, 0, -1):
            vertical, horizontal = self._filters(synthesis_filters, level)
            low = _joined(vertical, planes, bands["LH", level])
            high = _joined(vertical, bands["HL", level], bands["HH", level])
            planes = horizontal.low.along_rows(low) + horizontal.high.along_rows(high)
        return planes

    def _filters(self, kind: Callable[[str, str, int], FilterPair], level: int) -> tuple[FilterPair, FilterPair]:
        """Return the filters along columns and along rows between a level and the next finer one."""
        rows, columns = self.sides[level - 1]
        return kind(self.wavelet, self.mode, rows), kind(self.wavelet, self.mode, columns)


def _joined(filters: FilterPair, low: Float32, high: Float32) -> Float32:
    shape = (*low.shape[:2], filters.low.outputs, low.shape[3])
    result, other = np.empty(shape, np.float32), np.empty(shape, np.float32)
    filters.low.along_columns(low, result)
    filters.high.along_columns(high, other)
    result += other
    return result
