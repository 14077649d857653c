"""What the rows of a shard give to a decomposition: moments, products with thin matrices, Gram matrices.

Data are float32; sums over blocks of rows are float64. A mean is subtracted from products, not from the data,
wherever the product is thin. Unused rows may hold anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float32, Float64, Mask

ROW_BLOCK = 1024  # rows multiplied at once: enough for full speed, few enough to sum the rest in float64
GRAM_BLOCK = 8192  # rows of a symmetric product: its p x p result costs as much to add up as 500 rows to multiply
CAST_BYTES = 2**19  # of rows cast to float64 at once: stays in the cache
TILE = 4096  # rows of a tall matrix, or columns of wide ones, worked on at once: bounds temporary copies


def tiles(length: int) -> Iterator[slice]:
    """Slices of at most `TILE` that cover a dimension."""
    for start in range(0, length, TILE):
        yield slice(start, min(start + TILE, length))


def row_blocks(rows: Float32, used: Mask, size: int = ROW_BLOCK) -> Iterator[Float32]:
    """Blocks of at most `size` rows (n, p) with the unused ones left out; views where all are used."""
    for start in range(0, len(rows), size):
        mask = used[start : start + size]
        block = rows[start : start + size]
        if mask.any():
            yield block if mask.all() else block[mask]


def cast_blocks(rows: Float32, used: Mask) -> Iterator[Float64]:
    """The used rows (n, p) in float64, few at a time."""
    size = max(1, CAST_BYTES // (8 * rows.shape[1]))
    for block in row_blocks(rows, used, size):
        yield block.astype(np.float64)


@dataclass(frozen=True)
class Moments:
    """Sums over rows of W: how many, sum of each column (p,), sum of all squares."""

    rows: int
    column_sum: Float64
    square_sum: float

    @classmethod
    def of(cls, rows: Float32, used: Mask) -> Self:
        """Moments of the used rows, summed in float64."""
        count, column_sum, square_sum = 0, np.zeros(rows.shape[1]), 0.0
        for block in cast_blocks(rows, used):
            count += len(block)
            column_sum += block.sum(axis=0)
            square_sum += float(np.vdot(block, block))
        return cls(count, column_sum, square_sum)

    def __add__(self, other: Self) -> Self:
        """Moments of both sets of rows together."""
        return type(self)(
            self.rows + other.rows, self.column_sum + other.column_sum, self.square_sum + other.square_sum
        )

    @property
    def mean(self) -> Float64:
        """Mean row (p,)."""
        return self.column_sum / self.rows

    def energy_about(self, mean: Float64) -> float:
        """Squared Frobenius norm of W - 1 m', for m the mean row or zero."""
        return self.square_sum - self.rows * float(mean @ mean)


def project(rows: Float32, basis: Float32, mean: Float64) -> Float32:
    """The product (W - 1 m') Q for some rows, centred after the multiplication: (n, columns of Q)."""
    product: Float32 = rows @ basis
    product -= _along(mean, basis).astype(np.float32)
    return product


def multiply(rows: Float32, used: Mask, basis: Float32, mean: Float64) -> Float64:
    """The share of some rows in G Q, G = (W - 1 m')' (W - 1 m').

    Parameters
    ----------
    rows, used
        Rows of W (n, p), and which of them count (n,).
    basis
        The block Q (p, l).
    mean
        The mean row m (p,); zeros leave W as it is.

    Returns
    -------
    Float64
        (p, l).
    """
    scores = project(rows, basis, mean)
    return combine(rows, used, scores if used.all() else scores[used], mean)


def combine(rows: Float32, used: Mask, weights: Float32, mean: Float64) -> Float64:
    """The share of some rows in (W - 1 m')' Z, for weights Z of the used rows (rows used, l): (p, l) float64."""
    total = np.zeros((rows.shape[1], weights.shape[1]))
    weight_sum = weights.sum(axis=0, dtype=np.float64)
    # Tile by tile, each in the same place, so that it is added and centred while it is in the cache.
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
    """Subtract the outer product of two vectors from a matrix in place, without a matrix in between."""
    size = max(1, CAST_BYTES // right.nbytes)
    for start in range(0, len(total), size):
        total[start : start + size] -= np.outer(left[start : start + size], right)


def gram(rows: Float32, used: Mask, mean: Float64) -> Float64:
    """The share of some rows in G = (W - 1 m')' (W - 1 m'): (p, p), float32 products of blocks summed in float64."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    offset = mean.astype(np.float32)
    for block in row_blocks(rows, used, GRAM_BLOCK):
        centred = block - offset
        total += centred.T @ centred
    return total


def kernel(left: Float32, right: Float32, mean: Float64) -> Float64:
    """Inner products of two sets of rows about the mean: (rows of left, rows of right), summed in float64."""
    total = np.zeros((len(left), len(right)))
    for tile in tiles(left.shape[1]):
        first, second = ((rows[:, tile] - mean[tile]).astype(np.float32) for rows in (left, right))
        total += first @ second.T
    return total


def recentred(product: Float64, basis: Float32, rows: int, error: Float64) -> Float64:
    """Turn G Q taken about m - e, before the mean m was known, into G Q: subtract n e (e'Q), in place.

    Taking the product about no mean at all would be as exact on paper; in float32 its rounding errors would be those of
    the mean's energy, which is often many times that of everything else.
    """
    subtract_outer(product, error, rows * _along(error, basis))
    return product


def _along(vector: Float64, basis: Float32) -> Float64:
    """The product of a vector (p,) with a tall block (p, l) in float64: (l,)."""
    total = np.zeros(basis.shape[1])
    for tile in tiles(len(basis)):
        total += vector[tile] @ basis[tile].astype(np.float64)
    return total
