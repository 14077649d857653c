"""Filters of the scattering transform along one side of images, as stacks of small banded matrices.

A matrix holds the filter, its symmetric continuation over the borders, and the subsampling. Planes have their images in
the last axis, so a filter is one product for a block of images along either side.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Float32, Float64
from tasks.wavelet.filters import window_matrix

TILE = 32  # rows of a tile; outside the columns of a tile, its rows are zero
REACH = 5  # deviations of a Gaussian after which it is cut off; the rest is below the rounding of float32


@dataclass(frozen=True)
class Tile:
    """Some rows of all matrices of a stack (filters, rows, columns), and where they belong."""

    rows: slice
    columns: slice
    matrices: Float32


@dataclass(frozen=True)
class FilterStack:
    """Filters of the same lengths.

    Attributes
    ----------
    filters, outputs
        Number of filters, and length of signals after filtering.
    tiles
        Tiles that cover all rows.
    """

    filters: int
    outputs: int
    tiles: tuple[Tile, ...]

    def __getitem__(self, chosen: slice) -> "FilterStack":
        """Choose some of the filters."""
        tiles = tuple(Tile(tile.rows, tile.columns, tile.matrices[chosen]) for tile in self.tiles)
        return FilterStack(len(tiles[0].matrices), self.outputs, tiles)

    @classmethod
    def of(cls, matrices: Float64) -> "FilterStack":
        """Cut a stack of matrices (filters, outputs, inputs) into tiles."""
        filters, outputs, _ = matrices.shape
        starts = range(0, outputs, TILE)
        return cls(filters, outputs, tuple(_tile(matrices[:, start : start + TILE], start) for start in starts))

    def down(self, planes: Float32) -> Float32:
        """Filter the columns of planes (any, height, width, images); returns (filters, any, outputs, width, images)."""
        count, height, width, images = planes.shape
        result = np.empty((self.filters, count, self.outputs, width, images), np.float32)
        signals, filtered = planes.reshape(count, height, -1), result.reshape(self.filters, count, self.outputs, -1)
        for tile in self.tiles:
            np.matmul(tile.matrices[:, None], signals[:, tile.columns], out=filtered[:, :, tile.rows])
        return result

    def across(self, planes: Float32) -> Float32:
        """Filter the rows of planes (any, height, width, images); returns (filters, any, height, outputs, images)."""
        count, height, width, images = planes.shape
        result = np.empty((self.filters, count, height, self.outputs, images), np.float32)
        signals = planes.reshape(-1, width, images)
        filtered = result.reshape(self.filters, len(signals), self.outputs, images)
        for tile in self.tiles:
            np.matmul(tile.matrices[:, None], signals[:, tile.columns], out=filtered[:, :, tile.rows])
        return result


def _tile(matrices: Float64, start: int) -> Tile:
    used = np.flatnonzero(matrices.any(axis=(0, 1)))
    columns = slice(int(used[0]), int(used[-1]) + 1)
    return Tile(
        slice(start, start + matrices.shape[1]), columns, np.ascontiguousarray(matrices[:, :, columns], np.float32)
    )


def sampled(length: int, stride: int) -> Float64:
    """Return the positions of every `stride`-th sample of a signal, as far from one end as from the other."""
    count = -(-length // stride)
    return np.float64((length - 1 - (count - 1) * stride) / 2) + stride * np.arange(count, dtype=np.float64)


def wave_matrix(length: int, stride: int, deviation: float, frequency: float) -> npt.NDArray[np.complex128]:
    """Return the matrix (outputs, length) of a complex wave under a Gaussian whose values add up to 1.

    Signals continue symmetrically over their ends. The sum of a row is the same for all rows, and real.

    Parameters
    ----------
    length, stride
        Length of signals, and distance of outputs, in samples.
    deviation, frequency
        Standard deviation of the Gaussian in samples, and frequency of the wave in radians a sample.
    """
    positions = sampled(length, stride)
    reach = int(np.ceil(REACH * deviation)) + 1
    inputs = np.floor(positions)[:, None].astype(np.int64) + np.arange(-reach, reach + 2)
    away = inputs - positions[:, None]
    bell = np.exp(-0.5 * (away / deviation) ** 2) * (np.abs(away) <= reach)
    folded = np.mod(inputs, 2 * length)
    folded = np.where(folded < length, folded, 2 * length - 1 - folded)
    matrix = np.zeros((len(positions), length), np.complex128)
    rows = np.broadcast_to(np.arange(len(positions))[:, None], folded.shape)
    np.add.at(matrix, (rows, folded), bell / bell.sum(axis=1, keepdims=True) * np.exp(1j * frequency * away))
    return matrix


@dataclass(frozen=True)
class SideFilters:
    """Filters of the wavelets of one scale along one side of an image.

    Attributes
    ----------
    stack
        A Gaussian, then the real and the imaginary part of a Morlet wavelet, then those of a wave for each slanted
        angle.
    sums
        Sums of these waves.
    """

    stack: FilterStack
    sums: tuple[float, ...]


@lru_cache(maxsize=256)
def side_filters(
    length: int, stride: int, deviation: float, frequency: float, slants: tuple[float, ...]
) -> SideFilters:
    """Return the filters of a scale; `slants` are the parts of the frequency along this side, from 0 to 1."""
    bell = wave_matrix(length, stride, deviation, 0)
    whole, *parts = (wave_matrix(length, stride, deviation, part * frequency) for part in (1, *slants))
    morlet = whole - whole[0].sum().real * bell
    real = [bell.real, *(half for wave in (morlet, *parts) for half in (wave.real, wave.imag))]
    return SideFilters(FilterStack.of(np.stack(real)), tuple(float(part[0].sum().real) for part in parts))


@lru_cache(maxsize=256)
def windows(length: int, cells: int, span: float) -> FilterStack:
    """Return the overlapping windows of `window_matrix` as one filter."""
    return FilterStack.of(window_matrix(length, cells, span)[None])
