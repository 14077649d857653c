"""Filters along the sides of images, as products with the banded matrices that they are.

A filter of any kind (wavelet, boundary mode, length) is a matrix; it is made by filtering unit vectors with PyWavelets,
so that it is exactly PyWavelets' filter. Most of its entries are zero: it is kept as small dense tiles, and images are
multiplied by these many at a time. Measured, that is faster than PyWavelets' own loops at every size of image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import pywt
from scipy.sparse import csr_array, hstack

from tasks.dtypes import Float32, Float64

TILE = 16  # rows of a tile: fewer make slow products, more hold too many zeros
UNITS = 128  # unit vectors filtered at once: bounds memory


@dataclass(frozen=True)
class Tile:
    """A block of a filter's matrix outside of which its rows are zero: where its rows and columns lie, and itself."""

    rows: slice
    columns: slice
    matrix: Float32


@dataclass(frozen=True)
class Filter:
    """A matrix that signals are multiplied by.

    Attributes
    ----------
    outputs, inputs
        Length of signals after and before.
    tiles
        All rows, in order.
    """

    outputs: int
    inputs: int
    tiles: tuple[Tile, ...]

    @classmethod
    def of(cls, matrix: csr_array) -> Self:
        """Cut a matrix (outputs, inputs) into tiles."""
        starts = range(0, matrix.shape[0], TILE)
        outputs, inputs = matrix.shape
        return cls(outputs, inputs, tuple(_tile(matrix[start : start + TILE], start) for start in starts))

    def along_rows(self, planes: Float32) -> Float32:
        """Filter each row of planes (..., height, inputs): (..., height, outputs)."""
        result = np.empty((*planes.shape[:-1], self.outputs), np.float32)
        signals, filtered = planes.reshape(-1, self.inputs), result.reshape(-1, self.outputs)
        for tile in self.tiles:
            np.matmul(signals[:, tile.columns], tile.matrix.T, out=filtered[:, tile.rows])
        return result

    def along_columns(self, planes: Float32, out: Float32) -> None:
        """Filter each column of planes (..., inputs, width) into `out` (..., outputs, width)."""
        for tile in self.tiles:
            np.matmul(tile.matrix, planes[..., tile.columns, :], out=out[..., tile.rows, :])


def _tile(rows: csr_array, start: int) -> Tile:
    used = np.unique(rows.indices)
    columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    return Tile(
        slice(start, start + rows.shape[0]), columns, np.ascontiguousarray(rows[:, columns].toarray(), np.float32)
    )


@dataclass(frozen=True)
class FilterPair:
    """A low-pass and a high-pass filter of the same lengths."""

    low: Filter
    high: Filter


@lru_cache(maxsize=64)
def analysis_filters(wavelet: str, mode: str, length: int) -> FilterPair:
    """The filters that take signals of a length apart, as `pywt.dwt`."""

    def both(units: Float64) -> Float64:
        return np.concatenate(pywt.dwt(units, wavelet, mode, axis=0))

    return _pair(_matrix(both, length))


@lru_cache(maxsize=64)
def synthesis_filters(wavelet: str, mode: str, length: int) -> FilterPair:
    """The filters whose outputs add up to the signals of a length that were taken apart, as `pywt.idwt`."""

    def both(units: Float64) -> Float64:
        low, high = pywt.idwt(units, None, wavelet, mode, axis=0), pywt.idwt(None, units, wavelet, mode, axis=0)
        # Odd lengths come back one longer than they were.
        return np.concatenate([low[:length], high[:length]])

    return _pair(_matrix(both, pywt.dwt_coeff_len(length, pywt.Wavelet(wavelet).dec_len, mode)))


@lru_cache(maxsize=64)
def stationary_filters(wavelet: str, length: int, level: int) -> FilterPair:
    """The filters of one level that leave signals of a length as long as they are, as `pywt.swt` for even lengths.

    Signals continue periodically; at each level there are twice as many holes between the filter's taps (the algorithm
    a trous, Holschneider et al. 1989).
    """
    bank, spread = pywt.Wavelet(wavelet), 2 ** (level - 1)
    outputs = np.arange(length)

    def circular(taps: list[float]) -> csr_array:
        inputs = [(outputs + (len(taps) // 2 - tap) * spread) % length for tap in range(len(taps))]
        values = np.repeat(np.array(taps), length)
        return csr_array((values, (np.tile(outputs, len(taps)), np.concatenate(inputs))), shape=(length, length))

    return FilterPair(Filter.of(circular(bank.dec_lo)), Filter.of(circular(bank.dec_hi)))


@lru_cache(maxsize=64)
def averaging_filter(length: int, cells: int) -> Filter:
    """The filter that averages a signal within cells, as equal as the length allows."""
    borders = np.arange(cells + 1) * length // cells
    sizes = np.diff(borders)
    rows = np.repeat(np.arange(cells), sizes)
    return Filter.of(csr_array((1 / sizes[rows], (rows, np.arange(length))), shape=(cells, length)))


def _pair(matrix: csr_array) -> FilterPair:
    """Filters from the rows of a low-pass filter above those of a high-pass filter."""
    half = matrix.shape[0] // 2
    return FilterPair(Filter.of(matrix[:half]), Filter.of(matrix[half:]))


def _matrix(function: Callable[[Float64], Float64], length: int) -> csr_array:
    """The matrix of a linear function of signals, the columns of its argument."""
    return hstack([csr_array(function(units)) for units in _unit_vectors(length)], format="csr")


def _unit_vectors(length: int) -> Iterator[Float64]:
    for start in range(0, length, UNITS):
        yield np.eye(length, min(UNITS, length - start), k=-start)
