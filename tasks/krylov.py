"""Truncated singular value decomposition by block Krylov iteration, reading the data a few times, a shard at a time.

The right singular vectors of the centred matrix W_c = W - 1 m' (n x p) are the eigenvectors of G = W_c' W_c. A pass
multiplies an orthonormal block Q by G; the products of all passes span a block Krylov space (Musco and Musco 2015),
from which the eigenpairs are taken by Nystrom's formula Y (Q'Y)^-1 Y' (Tropp et al. 2017), half a pass more accurate
than Rayleigh-Ritz on the same space. Blocks are orthonormalised between passes: powers of G that are not lose every
singular value below about 1e-7 of the largest in float32.

Nothing here knows how many images there are, or where they lie.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr, solve_triangular

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

ROW_BLOCK = 1024  # rows multiplied at once: enough for full speed, few enough to sum the rest in float64
CAST_BLOCK = 128  # rows cast to float64 at once: stays in the cache
TILE = 4096  # rows of the test matrix drawn from one random stream
DEPENDENT = 1e-12  # a column whose part outside the space so far is smaller than this adds nothing
NOISE = 4 * float(np.finfo(np.float32).eps)  # eigenvalues below this part of the largest are rounding


@dataclass(frozen=True)
class Moments:
    """Sums over rows of W: how many, sum of each column (p,), sum of all squares."""

    rows: int
    column_sum: Float64
    square_sum: float

    @classmethod
    def of(cls, block: Float32) -> Self:
        """Moments of a block (rows, p), summed in float64."""
        column_sum = np.zeros(block.shape[1])
        square_sum = 0.0
        for start in range(0, len(block), CAST_BLOCK):
            exact = block[start : start + CAST_BLOCK].astype(np.float64)
            column_sum += exact.sum(axis=0)
            square_sum += float(np.vdot(exact, exact))
        return cls(len(block), column_sum, square_sum)

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


def row_blocks(rows: Float32, used: npt.NDArray[np.bool_]) -> Iterator[Float32]:
    """Blocks of at most `ROW_BLOCK` rows (n, p) with the unused ones left out; views where all are used."""
    for start in range(0, len(rows), ROW_BLOCK):
        mask = used[start : start + ROW_BLOCK]
        block = rows[start : start + ROW_BLOCK]
        if mask.any():
            yield block if mask.all() else block[mask]


def project(block: Float32, basis: Float32, mean: Float64) -> Float32:
    """The product (W - 1 m') Q for a block of rows, centred after the multiplication: (rows, columns of Q)."""
    product: Float32 = block @ basis
    product -= (mean @ basis.astype(np.float64)).astype(np.float32)
    return product


def multiply(rows: Float32, used: npt.NDArray[np.bool_], basis: Float32, mean: Float64) -> Float64:
    """The share of some rows in G Q: (W - 1 m')' (W - 1 m') Q.

    Parameters
    ----------
    rows
        Rows of W (n, p); those not used may hold anything.
    used
        Which rows count (n,).
    basis
        The block Q (p, l).
    mean
        The mean row m (p,); zeros leave W as it is.

    Returns
    -------
    Float64
        (p, l).
    """
    total = np.zeros(basis.shape)
    for block in row_blocks(rows, used):
        add_transposed(total, block, project(block, basis, mean), mean)
    return total


def add_transposed(total: Float64, block: Float32, scores: Float32, mean: Float64) -> None:
    """Add (W - 1 m')' Z to `total` (p, l), for a block of rows (n, p) and what they were projected to, Z (n, l)."""
    total += block.T @ scores
    total -= np.outer(mean, scores.sum(axis=0, dtype=np.float64))


def recentred(product: Float64, basis: Float32, rows: int, error: Float64) -> Float64:
    """Turn a product taken about m - e, before the mean m was known, into G Q: subtract n e (e'Q).

    Taking the product about no mean at all would be as exact on paper; in float32 its rounding errors would be those of
    the mean's energy, which is often many times that of everything else.
    """
    return product - np.outer(error, rows * (error @ basis.astype(np.float64)))


def test_matrix(coefficients: int, width: int, seed: int) -> Float32:
    """Orthonormal random block (p, l), the same for a seed on any machine and any number of workers.

    Each tile of rows has its own stream of a counter-based generator.
    """
    tiles = [
        np.random.Generator(np.random.Philox(key=[seed, tile])).standard_normal(
            (min(TILE, coefficients - start), width)
        )
        for tile, start in enumerate(range(0, coefficients, TILE))
    ]
    return orthonormalise(np.concatenate(tiles), [])


test_matrix.__test__ = False  # type: ignore[attr-defined]  # the term of the field, not a test for pytest


def orthonormalise(block: Float64, previous: Sequence[Float32]) -> Float32:
    """Orthonormal columns that span what a block adds to the previous ones.

    Full reorthogonalisation: the previous blocks are projected out twice before and once after the columns are made
    orthonormal among themselves, by CholeskyQR2 (Yamamoto et al. 2015) or, where Cholesky breaks down, by pivoted
    Householder QR.

    Parameters
    ----------
    block
        (p, l) float64.
    previous
        Orthonormal blocks with p rows, orthogonal to each other.

    Returns
    -------
    Float32
        (p, l) with orthonormal columns, or fewer columns where the block's are linearly dependent.
    """
    block = _unit_columns(block)
    for _ in range(2):
        block = _project_out(block, previous)
    # A column that lies in the space so far is noise now; scaled up it would only repeat it.
    block = _unit_columns(block[:, np.linalg.norm(block, axis=0) > DEPENDENT])
    block = _project_out(_orthonormal_columns(block), previous)
    return _orthonormal_columns(block).astype(np.float32)


def _unit_columns(block: Float64) -> Float64:
    norms = np.linalg.norm(block, axis=0)
    return block / np.where(norms > 0, norms, 1)


def _project_out(block: Float64, previous: Sequence[Float32]) -> Float64:
    for basis in previous:
        exact = basis.astype(np.float64)
        block = block - exact @ (exact.T @ block)
    return block


def _orthonormal_columns(block: Float64) -> Float64:
    try:
        return _cholesky_qr(_cholesky_qr(block))
    except np.linalg.LinAlgError:
        columns, triangle, _ = qr(block, mode="economic", pivoting=True)
        size = np.abs(np.diagonal(triangle))
        kept: Float64 = columns[:, size > DEPENDENT * size[0]]
        return kept


def _cholesky_qr(block: Float64) -> Float64:
    factor = np.linalg.cholesky(block.T @ block)
    result: Float64 = solve_triangular(factor, block.T, lower=True).T
    return result


def extract(bases: Sequence[Float32], products: Sequence[Float64], rank: int) -> Float32:
    """Leading eigenvectors of G from the blocks Q of all passes and their products Y = G Q, by Nystrom's formula.

    Parameters
    ----------
    bases, products
        Blocks (p, l), the l of a pass the same in both.
    rank
        Eigenvectors wanted, k.

    Returns
    -------
    Float32
        Rows are orthonormal eigenvectors, by falling eigenvalue: (k, p), or fewer rows if the data's numerical rank is
        less. The entry of largest magnitude of each is positive.
    """
    core = np.block([[basis.T.astype(np.float64) @ product for product in products] for basis in bases])
    values, vectors = np.linalg.eigh((core + core.T) / 2)
    kept = values > NOISE * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    # The factor B, with B B' = Y (Q'Y)^-1 Y', block by block: the products are never copied into one.
    ends = np.cumsum([product.shape[1] for product in products])
    roots = np.split(root, ends[:-1])
    factor = sum((product @ part for product, part in zip(products, roots, strict=True)), np.zeros(()))
    squares, rotation = np.linalg.eigh(factor.T @ factor)
    leading = [j for j in np.argsort(squares)[::-1][:rank] if squares[j] > NOISE * squares[-1]]
    eigenvectors = (factor @ (rotation[:, leading] / np.sqrt(squares[leading]))).T
    return with_fixed_signs(eigenvectors).astype(np.float32)


def with_fixed_signs(vectors: Float64) -> Float64:
    """Turn each row so that its entry of largest magnitude is positive."""
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(np.take_along_axis(vectors, largest[:, None], axis=1))
    result: Float64 = vectors * signs
    return result
