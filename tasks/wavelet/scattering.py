"""The scattering transform of orders 1 and 2: how strong waves of each scale and angle are, and how that varies.

Order 1 averages the modulus of a wavelet transform with complex Morlet wavelets. Order 2 transforms the modulus again,
and averages the modulus of that (Mallat 2012; Bruna and Mallat 2013). It has no inverse, since phases are lost.

The wavelets are those of Kymatio (Andreux et al. 2020) with round envelopes. A round Gaussian times a wave is a product
of a filter along columns and one along rows. Angles t and 180 - t differ by the sign of one wave, so they share these
products.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float32
from tasks.wavelet.bands import Path, Planes, Shape, Wave
from tasks.wavelet.morlet import SideFilters, side_filters, windows

DEVIATION = 0.8  # of the finest envelope, in pixels; it doubles from scale to scale
FREQUENCY = 3 * np.pi / 4  # of the finest wave, in radians a pixel; it halves from scale to scale
FLOORS = (0.03, 0.002)  # added to orders 1 and 2 before the logarithm; weaker waves are noise
MEAN = 2  # factor of order 0, which has no logarithm, so that it varies as the others do
BLOCK = 2**16  # values of planes transformed at once, so that they stay in the cache
SMALLEST = 16  # pixels of a side
COARSEST = 5  # octaves, unless more are asked for


class Layer(NamedTuple):
    """Moduli (angles, height, width, images) of waves of one scale, at every `spacing`-th pixel."""

    moduli: Float32
    spacing: int


@dataclass(frozen=True)
class ScatteringTransform:
    """Scattering coefficients of planes of one size, averaged in overlapping windows.

    Parameters
    ----------
    octaves
        Number of scales; None for as many as suit the size.
    angles
        Number of angles of waves, from 0 to below 180 degrees.
    cells
        Number of windows a side for orders 0 and 1; order 2 has half as many.
    logarithm
        Whether to take the logarithms of orders 1 and 2.
    height, width
        Size of the planes.
    """

    octaves: int | None
    angles: int
    cells: int
    logarithm: bool
    height: int
    width: int

    orthonormal = False

    @cached_property
    def level(self) -> int:
        """Number of scales."""
        usual = round(np.log2(min(self.height, self.width))) - 2
        return self.octaves or min(max(usual, 1), COARSEST)

    def require_possible(self) -> None:
        """Refuse images that are too small.

        Raises
        ------
        ValueError
            If they are. The message has the size and the setting to change.
        """
        smallest, size = min(self.height, self.width), f"{self.width} x {self.height}"
        if smallest < SMALLEST:
            raise ValueError(
                f"Scattering needs images of at least {SMALLEST} x {SMALLEST} pixels, and these have {size}: set "
                "--size 32, or another --transform."
            )
        deepest = int(np.log2(smallest)) - 1
        if self.level > deepest:
            raise ValueError(f"{self.level} octaves are too many for images of {size} pixels: set --octaves {deepest}.")

    @cached_property
    def shapes(self) -> list[Shape]:
        """All bands: order 0, then order 1, then order 2, each coarse to fine."""
        sides = min(self.cells, self.height), min(self.cells, self.width)
        halves = max(1, sides[0] // 2), max(1, sides[1] // 2)
        scales = range(self.level, 0, -1)
        first = [(Wave(scale, angle),) for scale in scales for angle in self._degrees]
        second = [
            (Wave(before, one), Wave(scale, other))
            for scale in scales
            for before in range(scale - 1, 0, -1)
            for one in self._degrees
            for other in self._degrees
        ]
        mean = Shape("LL", self.level, *sides, ())
        return [mean, *(_shape(path, sides) for path in first), *(_shape(path, halves) for path in second)]

    @cached_property
    def _degrees(self) -> list[float]:
        return [180 * number / self.angles for number in range(self.angles)]

    def analyse(self, planes: Float32, bands: Planes) -> None:
        """Transform planes (n, channels, height, width), and fill the arrays in `bands`; other bands are skipped."""
        step = max(1, BLOCK // planes[0].size)
        places = {shape.path: bands.get(shape[:2]) for shape in self.shapes if shape.path is not None}
        for start in range(0, len(planes), step):
            block = slice(start, start + step)
            last = np.ascontiguousarray(planes[block].transpose(2, 3, 1, 0))
            images = last.shape[3]
            for paths, averages in self._averages(last.reshape(self.height, self.width, -1), places):
                for path, average in zip(paths, averages, strict=True):
                    place = places[path]
                    if place is not None:
                        place[block] = average.reshape(*average.shape[:2], -1, images).transpose(3, 2, 0, 1)

    def _averages(self, planes: Float32, wanted: dict[Path, Float32 | None]) -> Iterator[tuple[list[Path], Float32]]:
        """Yield paths, and their averages (paths, rows, columns, images) of planes (height, width, images)."""
        yield [()], self._pooled(Layer(planes[None], 1), 0)
        for scale in range(1, self.level + 1):
            first = self._layer(planes, scale, 1)
            paths: list[Path] = [(Wave(scale, angle),) for angle in self._degrees]
            yield paths, self._pooled(first, 1)
            for path, moduli in zip(paths, first.moduli, strict=True):
                for later in range(scale + 1, self.level + 1):
                    both: list[Path] = [(*path, Wave(later, angle)) for angle in self._degrees]
                    if any(wanted[each] is not None for each in both):
                        yield both, self._pooled(self._layer(moduli, later, first.spacing), 2)

    def _layer(self, planes: Float32, scale: int, spacing: int) -> Layer:
        """Compute the moduli of the waves of a scale in planes (height, width, images) at every `spacing`-th pixel."""
        wide = 2 ** (scale - 1)
        deviation, frequency = DEVIATION * wide / spacing, FREQUENCY / wide * spacing
        slanted = np.pi / self.angles * np.arange(1, -(-self.angles // 2))
        vertical, horizontal = (
            side_filters(length, wide // spacing, deviation, frequency, tuple(parts.tolist()))
            for length, parts in zip(planes.shape, (np.sin(slanted), np.cos(slanted)), strict=False)
        )
        return Layer(_moduli(planes, vertical, horizontal, self.angles), wide)

    def _pooled(self, layer: Layer, order: int) -> Float32:
        """Average moduli in windows (angles, rows, columns, images), and take the logarithm."""
        cells = max(1, self.cells // 2) if order == 2 else self.cells  # noqa: PLR2004 - order 2
        vertical, horizontal = (
            windows(length, min(cells, side), side / layer.spacing)
            for length, side in zip(layer.moduli.shape[1:], (self.height, self.width), strict=False)
        )
        averages: Float32 = horizontal.across(vertical.down(layer.moduli)[0])[0]
        if self.logarithm and order:
            np.log(averages + np.float32(FLOORS[order - 1]), out=averages)
        elif self.logarithm:
            averages *= MEAN
        return averages


def _shape(path: Path, sides: tuple[int, int]) -> Shape:
    *before, last = path
    text = " > ".join([*(f"{wave.angle:g}° at {wave.scale}" for wave in before), f"{last.angle:g}°"])
    return Shape(text, last.scale, *sides, path)


def _moduli(planes: Float32, vertical: SideFilters, horizontal: SideFilters, angles: int) -> Float32:
    """Compute the moduli (angles, height, width, images) of waves at all angles in planes (height, width, images)."""
    columns = vertical.stack.down(planes[None])[:, 0]
    low, real, imaginary = horizontal.stack[:3].across(columns[:1])[:, 0]
    moduli = np.empty((angles, *low.shape), np.float32)
    _modulus(real, imaginary, moduli[0])
    if angles % 2 == 0:
        real, imaginary = horizontal.stack[:1].across(columns[1:3])[0]
        _modulus(real, imaginary, moduli[angles // 2])
    spare = np.empty_like(low)
    for number, (one, other) in enumerate(zip(vertical.sums, horizontal.sums, strict=True), 1):
        place = slice(2 * number + 1, 2 * number + 3)
        (cc, cs), (sc, ss) = horizontal.stack[place].across(columns[place])  # along rows, then columns
        cc -= np.multiply(low, np.float32(one * other), out=spare)  # so that the sum of the wavelet is zero
        np.subtract(cc, ss, out=spare)
        cc += ss
        np.add(cs, sc, out=ss)
        cs -= sc
        _modulus(spare, ss, moduli[number])
        _modulus(cc, cs, moduli[angles - number])
    return moduli


def _modulus(real: Float32, imaginary: Float32, out: Float32) -> None:
    """Write the moduli of complex numbers to `out`; overwrites both parts."""
    np.multiply(real, real, out=real)
    np.multiply(imaginary, imaginary, out=imaginary)
    np.add(real, imaginary, out=out)
    np.sqrt(out, out=out)
