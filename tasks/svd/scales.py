"""The same decomposition on some columns alone, to show which levels, orientations and channels separate classes.

A scale is a run of adjacent columns. The Gram matrix of a small scale is exact, and contains those of the scales within
it. A large scale has a block of its own, from which Nystrom's formula extracts its patterns.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tasks.dtypes import FLOAT64, MIB, Float32, Float64, Mask
from tasks.svd.krylov import eigenpairs, eigenvectors, nystrom, sample_block, with_fixed_signs
from tasks.svd.products import combine, gram, multiply, project, recentred, subtract_outer
from tasks.wavelet.bands import Scale

PATTERNS = 16  # of a scale at most; few, so that scales with few and with many columns can be compared
WIDTH = 4 * PATTERNS  # columns of a block
FEWEST = PATTERNS + 8  # columns of a block, however large the products
PRODUCT_BYTES = 64 * MIB  # of the products of blocks, which each shard returns
EXACTNESS = 2  # how many times the operations of blocks a Gram matrix may take, since it is exact
LARGEST = 3 * EXACTNESS * 4 * WIDTH  # columns of a Gram matrix at most, since each column is in three scales at most
NEGLIGIBLE = 1e-12  # a scale with a smaller fraction of the energy holds only rounding errors

Families = Sequence[Sequence[Scale]]


class Part(NamedTuple):
    """Columns that are multiplied together: by their own Gram matrix if `width` is None, else by `width` columns."""

    start: int
    stop: int
    width: int | None

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.start, self.stop)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the product of the columns' Gram matrix, with itself or with the block."""
        size = self.stop - self.start
        return size, self.width or size

    def holds(self, scale: Scale) -> bool:
        """Whether all columns of a scale are in this part."""
        return self.start <= scale.start and scale.stop <= self.stop


def parts(every: Families) -> list[Part]:
    """Choose the cheapest way to the patterns of all scales: Gram matrices of some, blocks for the others."""
    found: list[Part] = []
    columns = sum(scale.stop - scale.start for family in every for scale in family)
    wide = min(WIDTH, max(FEWEST, PRODUCT_BYTES // (FLOAT64 * max(1, columns))))
    for family in every:
        for scale in family:
            if any(part.width is None and part.holds(scale) for part in found):
                continue
            whole = Part(scale.start, scale.stop, None)
            size = scale.stop - scale.start
            held = sum(other.stop - other.start for family in every for other in family if whole.holds(other))
            cheap = size * size <= EXACTNESS * 4 * held * wide
            found.append(whole if cheap else whole._replace(width=min(wide, size)))
    return found


def operations(chosen: Sequence[Part]) -> int:
    """Number of floating-point operations for each row in a share of all parts."""
    return sum(
        height * height if part.width is None else 4 * height * width
        for part in chosen
        for height, width in [part.shape]
    )


def share_size(chosen: Sequence[Part]) -> int:
    """Number of values in a share of all parts."""
    return sum(height * width for height, width in (part.shape for part in chosen))


def first_blocks(chosen: Sequence[Part], sample: Float32, seed: int) -> Float32:
    """Return the blocks of all parts that have one, as one vector, from a sample of rows less their mean (s, p)."""
    blocks = [
        sample_block(np.ascontiguousarray(sample[:, part.columns]), part.width, seed).ravel()
        for part in chosen
        if part.width
    ]
    return np.concatenate([np.empty(0, np.float32), *blocks])


def share(chosen: Sequence[Part], rows: Float32, used: Mask, blocks: Float32, mean: Float64) -> Float64:
    """Compute the share of some rows in the product of each part's Gram matrix, about the mean (p,), as one vector."""
    return np.concatenate(
        [
            np.empty(0),
            *(
                (
                    gram(rows[:, part.columns], used, mean[part.columns])
                    if block is None
                    else multiply(rows[:, part.columns], used, block, mean[part.columns])
                ).ravel()
                for part, block in _with_blocks(chosen, blocks)
            ),
        ]
    )


def _with_blocks(chosen: Sequence[Part], blocks: Float32) -> Iterator[tuple[Part, Float32 | None]]:
    start = 0
    for part in chosen:
        height, width = part.shape
        if part.width is None:
            yield part, None
        else:
            yield part, blocks[start : start + height * width].reshape(height, width)
            start += height * width


def leading_patterns(  # noqa: PLR0913 - each by its name
    every: Families, chosen: Sequence[Part], blocks: Float32, total: Float64, *, rank: int, rows: int, error: Float64
) -> tuple[Float32, Float64]:
    """Compute the leading patterns V of each scale as columns, and G V.

    Parameters
    ----------
    every, chosen
        The scales, and the parts that were multiplied.
    blocks, total
        Blocks of the parts, and the sum of the shares of all `rows` rows about a guessed mean.
    rank
        Number of patterns of a scale.
    rows, error
        Number of rows, and the true mean less the guessed one (p,).

    Returns
    -------
    tuple
        V (families, p, rank), zero where there are fewer patterns; and G V of the same shape, zero for scales with a
        block.
    """
    known = _corrected(chosen, blocks, total, rows, error)
    energy = sum(_trace(block, product) for _, block, product in known)
    patterns = np.zeros((len(every), len(error), rank), np.float32)
    images = np.zeros(patterns.shape)
    for number, scale in _flat(every):
        part, block, product = known[chosen.index(_part_of(chosen, scale))]
        if block is None:
            inside = slice(scale.start - part.start, scale.stop - part.start)
            own = of_gram(product[inside, inside], rank, energy)
            images[number, scale.columns, : own.shape[1]] = product[inside, inside] @ own
        elif _trace(block, product) > NEGLIGIBLE * energy:
            _, coefficients = nystrom([block], [product])
            own = eigenvectors([product], coefficients[:, :rank]).T
        else:
            own = np.empty((part.shape[0], 0), np.float32)
        patterns[number, scale.columns, : own.shape[1]] = own
    return patterns, images


def _flat(every: Families) -> list[tuple[int, Scale]]:
    """All scales, with the number of their family."""
    return [(number, scale) for number, family in enumerate(every) for scale in family]


def _part_of(chosen: Sequence[Part], scale: Scale) -> Part:
    """The part that the patterns of a scale come from: its own block, or a Gram matrix that holds its own."""
    return next(
        part
        for part in chosen
        if part.holds(scale) and (part.width is None or part.shape[0] == scale.stop - scale.start)
    )


Products = list[tuple[Part, Float32 | None, Float64]]


def _corrected(chosen: Sequence[Part], blocks: Float32, total: Float64, rows: int, error: Float64) -> Products:
    products, start = [], 0
    for part, block in _with_blocks(chosen, blocks):
        height, width = part.shape
        product, away = total[start : start + height * width].reshape(height, width), error[part.columns]
        start += height * width
        if block is None:
            subtract_outer(product, rows * away, away)
        else:
            recentred(product, block, rows, away)
        products.append((part, block, product))
    return products


def _trace(block: Float32 | None, product: Float64) -> float:
    """Energy of the columns, or the part of it in the directions of the block."""
    return float(np.trace(product) if block is None else np.einsum("ij,ij", block, product))


def of_gram(matrix: Float64, rank: int, energy: float) -> Float32:
    """Leading eigenvectors of a Gram matrix as columns; none if it holds only rounding errors of the energy."""
    if np.trace(matrix) <= NEGLIGIBLE * energy:
        return np.empty((len(matrix), 0), np.float32)
    _, vectors = eigenpairs(np.ascontiguousarray(matrix), min(rank, len(matrix)), None, 0)
    return with_fixed_signs(np.ascontiguousarray(vectors)).T.astype(np.float32)


def scores(every: Families, rows: Float32, patterns: Float32, mean: Float64) -> list[Float32]:
    """Scores of rows about the mean on the patterns of each scale: for each scale an array (n, rank)."""
    return [
        project(rows[:, scale.columns], patterns[number, scale.columns], mean[scale.columns])
        for number, scale in _flat(every)
    ]


def images_by_blocks(  # noqa: PLR0913, PLR0917 - what is known of some rows
    every: Families, chosen: Sequence[Part], rows: Float32, used: Mask, found: Sequence[Float32], mean: Float64
) -> Float64:
    """Compute the share of the used rows in G V for the patterns V of scales with a block, from the rows' scores.

    The others are known from Gram matrices.

    Returns
    -------
    Float64
        Products (p', rank) of these scales, one below the other.
    """
    shares = [
        combine(rows[:, scale.columns], used, values[used], mean[scale.columns])
        for (_, scale), values in zip(_flat(every), found, strict=True)
        if _part_of(chosen, scale).width
    ]
    return np.concatenate([np.empty((0, found[0].shape[1] if found else 0)), *shares])


def residuals(  # noqa: PLR0913, PLR0917 - what is known of the patterns
    every: Families, chosen: Sequence[Part], patterns: Float32, images: Float64, share: Float64, squares: Float64
) -> Float64:
    """Largest residual of the patterns of each scale (scales,), NaN if it has none.

    Parameters
    ----------
    every, chosen
        The scales, and the parts that were multiplied.
    patterns, images
        Results of `leading_patterns`.
    share
        Sum of the results of `images_by_blocks` over all rows.
    squares
        Sums of squared scores on the patterns of each scale (scales, rank).
    """
    result, start = np.full(len(squares), np.nan), 0
    for position, (number, scale) in enumerate(_flat(every)):
        own = images[number, scale.columns]
        if _part_of(chosen, scale).width:
            stop = start + len(own)
            own, start = share[start:stop], stop
        count = int(np.count_nonzero(squares[position]))
        if count:
            values = squares[position, :count]
            off = own[:, :count] - patterns[number, scale.columns, :count] * values
            result[position] = (np.linalg.norm(off, axis=0) / values).max()
    return result
