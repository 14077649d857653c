"""Filters along the sides of images, applied as products with banded matrices.

A filter for any wavelet, boundary mode and length is a matrix. It is computed by filtering unit vectors with
PyWavelets, so it equals PyWavelets' filter exactly. Most of its entries are zero, so it is stored as small dense tiles,
and many images are multiplied at a time. In measurements this is faster than PyWavelets' loops at every image size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import pywt
from scipy.sparse import csr_array, hstack

from tasks.dtypes import Float32, Float64

TILE = 16  # rows of a tile; fewer make products slow, more include too many zeros
UNITS = 128  # unit vectors filtered at once, to bound memory


@dataclass(frozen=True)
class Tile:
    """A block of a filter's matrix, with its rows and columns; outside the block these rows are zero."""

    rows: slice
    columns: slice
    matrix: Float32


@dataclass(frozen=True)
class Filter:
    """A filter: a matrix that signals are multiplied by.

    Attributes
    ----------
    outputs, inputs
        Length of signals after and before filtering.
    tiles
        Tiles that cover all rows, in order.
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
        """Filter each row of planes (..., height, inputs); returns (..., height, outputs)."""
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
    """Return the filters that decompose signals of a length as `pywt.dwt` does."""

    def both(units: Float64) -> Float64:
        return np.concatenate(pywt.dwt(units, wavelet, mode, axis=0))

    return _pair(_matrix(both, length))


@lru_cache(maxsize=64)
def synthesis_filters(wavelet: str, mode: str, length: int) -> FilterPair:
    """Return the filters whose outputs add up to the original signals of a length, as in `pywt.idwt`."""

    def both(units: Float64) -> Float64:
        low, high = pywt.idwt(units, None, wavelet, mode, axis=0), pywt.idwt(None, units, wavelet, mode, axis=0)
        # Signals of odd length come back with one value more.
        return np.concatenate([low[:length], high[:length]])

    return _pair(_matrix(both, pywt.dwt_coeff_len(length, pywt.Wavelet(wavelet).dec_len, mode)))


@lru_cache(maxsize=64)
def stationary_filters(wavelet: str, length: int, level: int) -> FilterPair:
    """Return the filters of one level of the stationary transform, which keep the length; as `pywt.swt` if it is even.

    Signals continue periodically. From level to level, the distance between the filter's taps doubles (the algorithm a
    trous, Holschneider et al. 1989).
    """
    bank, spread = pywt.Wavelet(wavelet), 2 ** (level - 1)
    outputs = np.arange(length)

    def circular(taps: list[float]) -> csr_array:
        inputs = [(outputs + (len(taps) // 2 - tap) * spread) % length for tap in range(len(taps))]
        values = np.repeat(np.array(taps), length)
        return csr_array((values, (np.tile(outputs, len(taps)), np.concatenate(inputs))), shape=(length, length))

    return FilterPair(Filter.of(circular(bank.dec_lo)), Filter.of(circular(bank.dec_hi)))


@lru_cache(maxsize=64)
def window_filter(length: int, cells: int) -> Filter:
    """Return the filter that averages a signal in overlapping windows: see `window_matrix`."""
    return Filter.of(csr_array(window_matrix(length, cells, length)))


def window_matrix(length: int, cells: int, span: float) -> Float64:
    """Return the matrix (cells, length) that averages a signal in overlapping triangular windows.

    A window is 1 at the center of its cell and falls to 0 at the centers of the next cells.

    Parameters
    ----------
    length
        Number of samples, which lie symmetrically about the middle of the image's side.
    cells
        Number of cells that the side is divided into.
    span
        Length of the side, as a multiple of the distance of two samples.
    """
    centers = (np.arange(cells) + 0.5) * span / cells - span / 2
    samples = np.arange(length) - (length - 1) / 2
    reach = max(span / cells, 1)  # so that at least one sample is inside
    weights = np.maximum(0, 1 - np.abs(samples - centers[:, None]) / reach)
    averaged: Float64 = weights / weights.sum(axis=1, keepdims=True)
    return averaged


def _pair(matrix: csr_array) -> FilterPair:
    """Split a matrix into a low-pass filter, its upper half, and a high-pass filter, its lower half."""
    half = matrix.shape[0] // 2
    return FilterPair(Filter.of(matrix[:half]), Filter.of(matrix[half:]))


def _matrix(function: Callable[[Float64], Float64], length: int) -> csr_array:
    """Return the matrix of a linear function whose argument has signals as columns."""
    return hstack([csr_array(function(units)) for units in _unit_vectors(length)], format="csr")


def _unit_vectors(length: int) -> Iterator[Float64]:
    for start in range(0, length, UNITS):
        yield np.eye(length, min(UNITS, length - start), k=-start)
