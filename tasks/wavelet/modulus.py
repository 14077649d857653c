"""The log modulus of a stationary wavelet transform: the local strength of each scale and orientation.

Unlike wavelet coefficients, it hardly changes when the object in an image moves by a pixel, so it suits classes of
photographs better. It has no inverse, since signs of details are lost. The approximation keeps its sign: blue and
yellow have opposite ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tasks.dtypes import Float32
from tasks.wavelet.bands import DETAILS, Planes, Shape
from tasks.wavelet.filters import stationary_filters, window_filter
from tasks.wavelet.transform import require_level

CELLS = 8  # windows a side, in which the modulus is averaged
FLOOR = 0.1  # added before the logarithm, as a fraction of the range of pixels; smaller differences are noise
BLOCK = 2**16  # values of planes transformed at once; the transform has several times that many


@dataclass(frozen=True)
class ModulusTransform:
    """log(0.1 + |c|) of the details c of a stationary wavelet transform, averaged in 8 x 8 overlapping windows.

    The approximation is averaged as it is.

    Parameters
    ----------
    wavelet, level
        Wavelet and level, as in PyWavelets.
    height, width
        Size of the planes.
    """

    wavelet: str
    level: int
    height: int
    width: int

    orthonormal = False

    @cached_property
    def shapes(self) -> list[Shape]:
        """All bands: LL, then LH, HL and HH of each level, coarse to fine."""
        named = [("LL", self.level)]
        named += [(orientation, level) for level in range(self.level, 0, -1) for orientation in DETAILS]
        cells = min(CELLS, self.height), min(CELLS, self.width)
        return [Shape(orientation, level, *cells) for orientation, level in named]

    def require_possible(self) -> None:
        """Refuse a level that is too deep for the size; raises ValueError."""
        require_level(self.level, self.height, self.width, self.wavelet)

    def analyse(self, planes: Float32, bands: Planes) -> None:
        """Transform planes (n, channels, height, width), and fill the arrays in `bands`; other bands are skipped."""
        step = max(1, BLOCK // planes[0].size)
        for start in range(0, len(planes), step):
            block = slice(start, start + step)
            for name, coefficients in self._stationary(planes[block]):
                if name in bands:
                    strengths = coefficients if name[0] == "LL" else np.log(np.abs(coefficients) + np.float32(FLOOR))
                    self._average(strengths, bands[name][block])

    def _stationary(self, planes: Float32) -> Iterator[tuple[tuple[str, int], Float32]]:
        for level in range(1, self.level + 1):
            vertical = stationary_filters(self.wavelet, self.height, level)
            horizontal = stationary_filters(self.wavelet, self.width, level)
            low, high = (filters.along_rows(planes) for filters in (horizontal.low, horizontal.high))
            planes = np.empty_like(planes)
            vertical.low.along_columns(low, planes)
            for filters, halved, orientation in (
                (vertical.high, low, "LH"), (vertical.low, high, "HL"), (vertical.high, high, "HH")
            ):  # fmt: skip
                coefficients = np.empty_like(planes)
                filters.along_columns(halved, coefficients)
                yield (orientation, level), coefficients
        yield ("LL", self.level), planes

    def _average(self, planes: Float32, out: Float32) -> None:
        rows, columns = out.shape[2:]
        window_filter(self.height, rows).along_columns(window_filter(self.width, columns).along_rows(planes), out)
