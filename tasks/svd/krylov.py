"""Eigenpairs of a Gram matrix G by block Krylov iteration.

The first pass multiplies a wide orthonormal block Q by G, and Nystrom's formula Y (Q'Y)^-1 Y' (Tropp et al. 2017)
extracts eigenvectors from the product Y = G Q. Each further pass multiplies what these eigenvectors add to the blocks
so far. That shows how far they are from exact, and the next ones are extracted from all products, which span a block
Krylov space (Musco and Musco 2015). Blocks are orthonormalised. Without that, float32 loses every singular value below
about 3e-4 of the largest.

Matrices are tall: (p, l) with l far below p. They are processed in tiles of rows and in place, so that p may be large.
Blocks are float32, products float64, and no other array of that size is made. The functions do not depend on the number
of images or on where they are stored.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh, qr, solve_triangular

from tasks.dtypes import Float32, Float64
from tasks.svd.products import TILE, combine, multiply, tiles

DEPENDENT = 1e-12  # a column whose part outside the space so far is smaller than this adds no direction
NOISE = 4 * float(np.finfo(np.float32).eps)  # eigenvalues below this fraction of the largest are rounding errors
DIRECT = 1024  # Gram matrices up to this size are decomposed completely
IN_MEMORY_TOLERANCE = 1e-7  # on the movement of singular values between passes; the remaining error is far smaller
IN_MEMORY_PASSES = 40
SAMPLE_STEPS = 2  # of subspace iteration on a sample of rows
SPARE_AXES = 32  # columns of a block beyond the principal axes that are taken from it


def random_block(coefficients: int, width: int, seed: int) -> Float64:
    """Return a random block (p, l), which is the same for a seed on any machine and any number of workers.

    Each tile of rows has its own stream of a counter-based generator.
    """
    return np.concatenate(
        [
            np.random.Generator(np.random.Philox(key=[seed, tile])).standard_normal(
                (min(TILE, coefficients - start), width)
            )
            for tile, start in enumerate(range(0, coefficients, TILE))
        ]
    )


def orthonormalise(block: Float64, previous: Sequence[Float32]) -> Float32:
    """Return orthonormal columns that span the directions a block adds to the previous ones.

    With full reorthogonalisation, the previous blocks are projected out twice before and once after the columns are
    orthonormalised among themselves. That uses CholeskyQR2 (Yamamoto et al. 2015) or, where Cholesky breaks down,
    pivoted Householder QR.

    Parameters
    ----------
    block
        Block (p, l) float64, which is overwritten.
    previous
        Orthonormal blocks with p rows, orthogonal to each other.

    Returns
    -------
    Float32
        Orthonormal columns (p, l), or fewer columns where those of the block are linearly dependent.
    """
    _scale_columns(block)
    for _ in range(2):
        _project_out(block, previous)
    # A column that lay in the space so far is only noise now and must not be scaled up.
    new = _norms(block) > DEPENDENT
    block = block if new.all() else block[:, new]
    if not block.shape[1]:
        return block.astype(np.float32)
    _scale_columns(block)
    block = _orthonormal_columns(block)
    _project_out(block, previous)
    return _orthonormal_columns(block).astype(np.float32)


def _norms(block: Float64) -> Float64:
    norms: Float64 = np.sqrt(np.einsum("ij,ij->j", block, block))
    return norms


def _scale_columns(block: Float64) -> None:
    norms = _norms(block)
    block /= np.where(norms > 0, norms, 1)


def _project_out(block: Float64, previous: Sequence[Float32]) -> None:
    for basis in previous:
        inner = np.zeros((basis.shape[1], block.shape[1]))
        for tile in tiles(len(block)):
            inner += basis[tile].T.astype(np.float64) @ block[tile]
        for tile in tiles(len(block)):
            block[tile] -= basis[tile].astype(np.float64) @ inner


def _orthonormal_columns(block: Float64) -> Float64:
    """Return orthonormal columns of the same span; may overwrite the block."""
    try:
        for _ in range(2):
            _divide(block)
    except np.linalg.LinAlgError:
        columns, triangle, _ = qr(block, mode="economic", pivoting=True)
        size = np.abs(np.diagonal(triangle))
        return np.ascontiguousarray(columns[:, size > DEPENDENT * size[0]])
    return block


def _divide(block: Float64) -> None:
    """Multiply a block by the inverse transpose of its Gram matrix's Cholesky factor, in place."""
    factor = np.linalg.cholesky(block.T @ block)
    for tile in tiles(len(block)):
        block[tile] = solve_triangular(factor, block[tile].T, lower=True).T


def sample_block(sample: Float32, width: int, seed: int) -> Float32:
    """Approximate the leading right singular vectors of a sample of rows, to start from.

    Two steps of subspace iteration suffice: the sample differs from all rows by more than the rest of the error.

    Parameters
    ----------
    sample
        Rows (s, p) less their mean.
    width
        Number of columns l to return.
    seed
        Seed of the random start, and of the columns that follow where the sample has too few directions.

    Returns
    -------
    Float32
        Orthonormal columns (p, l), or fewer if p is smaller.
    """
    every, mean = np.ones(len(sample), np.bool_), np.zeros(sample.shape[1])
    width = min(width, sample.shape[1])
    if not len(sample):
        return orthonormalise(random_block(sample.shape[1], width, seed), [])
    start = random_block(len(sample), min(width, len(sample)), seed).astype(np.float32)
    block = orthonormalise(combine(sample, every, start, mean), [])
    for _ in range(SAMPLE_STEPS):
        block = orthonormalise(multiply(sample, every, block, mean), [])
    return filled_up(block, width, seed)


def principal_axes(sample: Float32, count: int, seed: int) -> Float32:
    """Approximate the leading principal axes of a sample of rows.

    Rayleigh and Ritz's procedure takes them from a block of more columns: see `sample_block`.

    Parameters
    ----------
    sample
        Rows (s, p) less their mean.
    count
        Number of axes k, at most p.
    seed
        Seed of the random start.

    Returns
    -------
    Float32
        Orthonormal columns (p, k), the axis of the largest variance first.
    """
    block = sample_block(sample, count + SPARE_AXES, seed)
    scores = (sample @ block).astype(np.float64)
    _, rotation = np.linalg.eigh(scores.T @ scores)
    axes = block.astype(np.float64) @ rotation[:, ::-1][:, :count]
    return np.ascontiguousarray(with_fixed_signs(np.ascontiguousarray(axes.T)).T, np.float32)


def filled_up(block: Float32, width: int, seed: int) -> Float32:
    """Append random columns to an orthonormal block, orthogonal to it, so that it has `width` columns."""
    missing = width - block.shape[1]
    if missing <= 0:
        return block
    return np.concatenate([block, orthonormalise(random_block(len(block), missing, seed), [block])], axis=1)


def nystrom(bases: Sequence[Float32], products: Sequence[Float64]) -> tuple[Float64, Float64]:
    """Estimate the eigenvalues of G from the blocks Q of all passes and their products Y = G Q by Nystrom's formula.

    Parameters
    ----------
    bases, products
        Blocks Q and products Y (p, l); l of a pass is the same in both.

    Returns
    -------
    tuple
        Eigenvalues (r,) above the rounding error, in descending order, at most as many as all blocks have columns; and
        coefficients (columns, r). All products side by side, times the coefficients, are the eigenvectors.
    """
    columns = sum(basis.shape[1] for basis in bases)
    core, squares = np.zeros((columns, columns)), np.zeros((columns, columns))
    for tile in tiles(len(bases[0])):
        basis = np.concatenate([block[tile] for block in bases], axis=1, dtype=np.float64)
        product = np.concatenate([block[tile] for block in products], axis=1)
        core += basis.T @ product
        squares += product.T @ product
    values, vectors = np.linalg.eigh((core + core.T) / 2)
    kept = values > NOISE * values[-1]
    # The factor B = Y root, with B B' = Y (Q'Y)^-1 Y', is as large as all products together: only B'B is formed.
    root = vectors[:, kept] / np.sqrt(values[kept])
    inner = root.T @ squares @ root
    squared, rotation = np.linalg.eigh((inner + inner.T) / 2)
    leading = np.flatnonzero(squared > NOISE * squared[-1])[::-1]
    return squared[leading], root @ (rotation[:, leading] / np.sqrt(squared[leading]))


def eigenvectors(products: Sequence[Float64], coefficients: Float64) -> Float32:
    """Return orthonormal eigenvectors as rows (r, p), with signs fixed, from the coefficients of `nystrom`."""
    vectors = np.empty((coefficients.shape[1], len(products[0])))
    for tile in tiles(len(products[0])):
        product = np.concatenate([block[tile] for block in products], axis=1)
        vectors[:, tile] = (product @ coefficients).T
    return with_fixed_signs(vectors).astype(np.float32)


def images_of(vectors: Float32, bases: Sequence[Float32], products: Sequence[Float64]) -> Float64:
    """Compute G V (p, k) for vectors V (p, k) in the span of orthonormal blocks, from their products."""
    total = np.zeros(vectors.shape)
    for basis, product in zip(bases, products, strict=True):
        inner = np.zeros((basis.shape[1], vectors.shape[1]))
        for tile in tiles(len(basis)):
            inner += basis[tile].T.astype(np.float64) @ vectors[tile]
        for tile in tiles(len(basis)):
            total[tile] += product[tile] @ inner
    return total


def with_fixed_signs(vectors: Float64) -> Float64:
    """Turn each row so that its entry of largest magnitude is positive, in place."""
    largest = np.array([np.abs(vector).argmax() for vector in vectors], dtype=np.intp)
    vectors *= np.sign(np.take_along_axis(vectors, largest[:, None], axis=1))
    return vectors


def movement(values: Float64, earlier: Float64, rank: int) -> float:
    """Largest relative change of the leading singular values between two passes; infinite if fewer were known."""
    rank = min(rank, len(values))
    if not 0 < rank <= len(earlier):
        return float("inf")
    return float(np.abs(np.sqrt(values[:rank] / earlier[:rank]) - 1).max())


def rank_for(energy: float, values: Float64, total: float) -> int | None:
    """Number of leading eigenvalues that hold the fraction `energy` of the total; None if all together do not."""
    reached = np.flatnonzero(np.cumsum(values) >= energy * total)
    return int(reached[0]) + 1 if len(reached) else None


def eigenpairs(gram: Float64, rank: int | None, energy: float | None, seed: int) -> tuple[Float64, Float64]:
    """Compute the leading eigenpairs of a Gram matrix in memory.

    Parameters
    ----------
    gram
        Gram matrix (p, p), symmetric and positive semidefinite.
    rank, energy
        Number of pairs; if rank is None, the number that holds the fraction `energy` of the trace.
    seed
        Seed of the random start, for matrices too large to decompose completely.

    Returns
    -------
    tuple
        Eigenvalues (k,) in descending order, and eigenvectors as rows (k, p) without fixed signs. There are fewer than
        requested if the numerical rank is lower.
    """
    if len(gram) <= DIRECT:
        lowest = max(0, len(gram) - rank) if rank is not None else 0
        values, vectors = eigh(gram, subset_by_index=(lowest, len(gram) - 1))
        values, vectors = values[::-1], vectors.T[::-1]
    else:
        values, vectors = _iterated(gram, rank, energy, seed)
    values = values[values > NOISE * values[0]]
    wanted = rank if rank is not None else rank_for(energy or 1.0, values, float(np.trace(gram)))
    return values[:wanted], vectors[: len(values[:wanted])]


def _iterated(gram: Float64, rank: int | None, energy: float | None, seed: int) -> tuple[Float64, Float64]:
    total = float(np.trace(gram))
    width = min(len(gram), (rank or 64) + 20)
    bases = [orthonormalise(random_block(len(gram), width, seed), [])]
    products: list[Float64] = []
    earlier = np.empty(0)
    for _ in range(IN_MEMORY_PASSES):
        products.append(gram @ bases[-1].astype(np.float64))
        values, coefficients = nystrom(bases, products)
        wanted = rank if rank is not None else rank_for(energy or 1.0, values, total)
        room = len(gram) - sum(basis.shape[1] for basis in bases)
        if room == 0 or (wanted is not None and movement(values, earlier, wanted) < IN_MEMORY_TOLERANCE):
            break
        block = orthonormalise(products[-1][:, :room].copy(), bases)
        if not block.shape[1]:
            break
        bases.append(block)
        earlier = values
    vectors = np.concatenate(products, axis=1) @ coefficients[:, :wanted]
    return values[:wanted], vectors.T
