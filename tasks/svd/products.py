"""A shard's contributions to a decomposition: moments, products with thin matrices, Gram matrices.

Data are float32, and sums over blocks of rows float64. Where a product is thin, the mean is subtracted from the product
and not from the data. Unused rows may hold any values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float32, Float64, Mask

ROW_BLOCK = 1024  # rows multiplied at once: enough for full speed, few enough to sum the rest in float64
GRAM_BLOCK = 8192  # rows of a symmetric product; to add up its p x p result costs the same as to multiply 500 rows
CAST_BYTES = 2**19  # of rows cast to float64 at once, so that they stay in the cache
LOOKED_AT = 16  # rows that are compared with the mean
DROWNING = 1e4  # energy of the mean over that of a row about it, above which rows are centered before products
TILE = 4096  # rows of a tall matrix, or columns of a wide one, processed at once to bound temporary copies


def tiles(length: int) -> Iterator[slice]:
    """Yield slices of at most `TILE` that cover a dimension."""
    for start in range(0, length, TILE):
        yield slice(start, min(start + TILE, length))


def row_blocks(rows: Float32, used: Mask, size: int = ROW_BLOCK) -> Iterator[Float32]:
    """Yield the used rows in blocks cut at every `size` rows; a block is a view if all its rows are used."""
    for start in range(0, len(rows), size):
        mask = used[start : start + size]
        block = rows[start : start + size]
        if mask.any():
            yield block if mask.all() else block[mask]


def cast_blocks(rows: Float32, used: Mask) -> Iterator[Float64]:
    """Yield the used rows in float64, a few at a time."""
    size = max(1, CAST_BYTES // (8 * rows.shape[1]))
    for block in row_blocks(rows, used, size):
        yield block.astype(np.float64)


def energies(rows: Float32, mean: Float64) -> Float32:
    """Squared norm of each row (n, p) about the mean (p,); NaN for rejected rows."""
    size, about = max(1, CAST_BYTES // (4 * rows.shape[1])), mean.astype(np.float32)
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), size):
        away = rows[start : start + size] - about
        found[start : start + size] = np.einsum("ij,ij->i", away, away)
    return found


@dataclass(frozen=True)
class Moments:
    """Sums over rows of W less a row s: number of rows, sum and sum of squares of each column (p,).

    s is near the mean, so that rounding of the sums is small beside how rows differ, even if they hardly differ.
    """

    rows: int
    column_sum: Float64
    column_squares: Float64

    @classmethod
    def of(cls, rows: Float32, used: Mask, about: Float64) -> Self:
        """Compute the moments of the used rows (n, p) about s (p,) in float64."""
        count, column_sum, column_squares = 0, np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
        for block in cast_blocks(rows, used):
            away = np.subtract(block, about, out=block)
            count += len(away)
            column_sum += away.sum(axis=0)
            column_squares += np.einsum("ij,ij->j", away, away)
        return cls(count, column_sum, column_squares)

    def __add__(self, other: Self) -> Self:
        """Add the moments of two sets of rows."""
        return type(self)(
            self.rows + other.rows, self.column_sum + other.column_sum, self.column_squares + other.column_squares
        )

    @property
    def mean(self) -> Float64:
        """Mean row, less s (p,)."""
        return self.column_sum / self.rows

    @property
    def energies(self) -> Float64:
        """Squared norm of each column of W - 1 m' (p,), where m is the mean row."""
        return self.column_squares - self.rows * self.mean**2


def centred(rows: Float32, mean: Float64) -> tuple[Float32, Float64]:
    """Subtract the mean from rows in place if it drowns their differences; return the rows, and the mean less that.

    A product of W with a thin matrix is centered afterwards, which saves a pass over W. In float32 that loses what is
    far smaller than the mean, as in images of 16 bits that differ by a few levels. Some of the rows decide.

    Parameters
    ----------
    rows
        Rows of W (n, p); rejected ones are NaN.
    mean
        Mean row (p,), or zeros.
    """
    some = rows[:: max(1, len(rows) // LOOKED_AT)].astype(np.float64)
    away = ((some - mean) ** 2).sum(axis=1)
    away = away[np.isfinite(away)]
    if not len(away) or float(mean @ mean) <= DROWNING * float(away.mean()):
        return rows, mean
    offset = mean.astype(np.float32)
    rows -= offset
    return rows, mean - offset


def project(rows: Float32, basis: Float32, mean: Float64) -> Float32:
    """Compute (W - 1 m') Q for some rows, centered after the multiplication; returns (n, columns of Q)."""
    product: Float32 = rows @ basis
    product -= _along(mean, basis).astype(np.float32)
    return product


def multiply(rows: Float32, used: Mask, basis: Float32, mean: Float64) -> Float64:
    """Compute the share of some rows in G Q with G = (W - 1 m')' (W - 1 m').

    Parameters
    ----------
    rows, used
        Rows of W (n, p), and the mask of used rows (n,).
    basis
        Block Q (p, l).
    mean
        Mean row m (p,); zeros leave W unchanged.

    Returns
    -------
    Float64
        Share of the product (p, l).
    """
    scores = project(rows, basis, mean)
    return combine(rows, used, scores if used.all() else scores[used], mean)


def combine(rows: Float32, used: Mask, weights: Float32, mean: Float64) -> Float64:
    """Compute the share (p, l) float64 of some rows in (W - 1 m')' Z with weights Z (used rows, l)."""
    total = np.zeros((rows.shape[1], weights.shape[1]))
    weight_sum = weights.sum(axis=0, dtype=np.float64)
    # Reuse one buffer for all tiles, so that each is added and centered while it is in the cache.
    product = np.empty((min(TILE, len(total)), weights.shape[1]), np.float32)
    for tile in tiles(len(total)):
        part, start = total[tile], 0
        for block in row_blocks(rows[:, tile], used):
            stop = start + len(block)
            part += np.matmul(block.T, weights[start:stop], out=product[: len(part)])
            start = stop
        subtract_outer(part, mean[tile], weight_sum)
    return total


def subtract_outer(total: Float64, left: Float64, right: Float64) -> None:
    """Subtract the outer product of two vectors from a matrix in place, without a temporary matrix."""
    size = max(1, CAST_BYTES // max(1, right.nbytes))
    for start in range(0, len(total), size):
        total[start : start + size] -= np.outer(left[start : start + size], right)


def gram(rows: Float32, used: Mask, mean: Float64) -> Float64:
    """Compute the share (p, p) of some rows in G = (W - 1 m')' (W - 1 m'); float32 products are summed in float64."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    offset = mean.astype(np.float32)
    for block in row_blocks(rows, used, GRAM_BLOCK):
        centred = block - offset
        total += centred.T @ centred
    return total


def kernel(left: Float32, right: Float32, mean: Float64) -> Float64:
    """Inner products (rows of left, rows of right) of two sets of rows about the mean, summed in float64."""
    total = np.zeros((len(left), len(right)))
    for tile in tiles(left.shape[1]):
        first, second = ((rows[:, tile] - mean[tile]).astype(np.float32) for rows in (left, right))
        total += first @ second.T
    return total


def recentred(product: Float64, basis: Float32, rows: int, error: Float64) -> Float64:
    """Correct G Q in place from the guessed mean m - e to the true mean m, by subtracting n e (e'Q).

    In exact arithmetic, a product about zero could be corrected in the same way. In float32 its rounding errors would
    scale with the energy of the mean, which is often many times the energy about the mean.
    """
    subtract_outer(product, error, rows * _along(error, basis))
    return product


def _along(vector: Float64, basis: Float32) -> Float64:
    """The product of a vector (p,) with a tall block (p, l) in float64: (l,)."""
    total = np.zeros(basis.shape[1])
    for tile in tiles(len(basis)):
        total += vector[tile] @ basis[tile].astype(np.float64)
    return total
