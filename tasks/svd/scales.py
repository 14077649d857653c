"""The same decomposition on some columns alone, to show which levels, orientations and channels separate classes.

A scale is a run of adjacent columns. Scales that do not overlap form a family and go through the passes together. A
family's block (p, l) holds the block of each scale in the scale's rows, so that a pass over the family costs the same
as one over all columns.
"""

from collections.abc import Sequence

import numpy as np

from tasks.dtypes import Float32, Float64, Mask
from tasks.svd.krylov import eigenvectors, nystrom, orthonormalise, random_block
from tasks.svd.products import multiply
from tasks.wavelet.bands import Scale

OVERSAMPLE = 8
PASSES = 4
NEGLIGIBLE = 1e-12  # a scale with a smaller fraction of the energy holds only rounding errors


def first_blocks(every: Sequence[Sequence[Scale]], coefficients: int, width: int, seed: int) -> Float32:
    """Return random blocks (families, p, l), orthonormal within each scale; columns beyond a scale's width are zero."""
    blocks = np.zeros((len(every), coefficients, width), np.float32)
    for number, family in enumerate(every):
        random = random_block(coefficients, width, seed)
        for scale in family:
            part = random[scale.columns, : scale.stop - scale.start].copy()
            _put(blocks[number, scale.columns], orthonormalise(part, []))
    return blocks


def share(every: Sequence[Sequence[Scale]], rows: Float32, used: Mask, blocks: Float32, mean: Float64) -> Float64:
    """Compute the share (families, p, l) of some rows in the product of each scale's Gram matrix with its block."""
    product = np.zeros(blocks.shape)
    for number, family in enumerate(every):
        for scale in family:
            own = scale.columns
            product[number, own] = multiply(rows[:, own], used, blocks[number, own], mean[own])
    return product


def next_blocks(every: Sequence[Sequence[Scale]], earlier: Sequence[Float32], product: Float64) -> Float32:
    """Compute the next pass's blocks from all earlier blocks and the last product; zero where no direction is new."""
    blocks = np.zeros_like(earlier[0])
    for number, family in enumerate(every):
        for scale in family:
            before = [_filled(blocks[number, scale.columns]) for blocks in earlier]
            room = scale.stop - scale.start - sum(block.shape[1] for block in before)
            last = product[number, scale.columns, : before[-1].shape[1]]
            if min(room, last.shape[1]):
                _put(blocks[number, scale.columns], orthonormalise(last[:, :room].copy(), before))
    return blocks


def leading_patterns(
    every: Sequence[Sequence[Scale]], blocks: Sequence[Float32], products: Sequence[Float64], rank: int, energy: float
) -> Float32:
    """Compute the leading patterns of each scale as columns (families, p, rank); zero where there are fewer."""
    patterns = np.zeros((*blocks[0].shape[:2], rank), np.float32)
    for number, family in enumerate(every):
        for scale in family:
            own = [_filled(block[number, scale.columns]) for block in blocks]
            results = [
                product[number, scale.columns, : block.shape[1]] for product, block in zip(products, own, strict=True)
            ]
            # The first block times its product is a part of the energy, or a rounding error.
            if np.abs(np.einsum("ij,ij->j", own[0], results[0])).max() > NEGLIGIBLE * energy:
                _, coefficients = nystrom(own, results)
                _put(patterns[number, scale.columns], eigenvectors(results, coefficients[:, :rank]).T)
    return patterns


def _filled(block: Float32) -> Float32:
    """Return the leading columns of a block, which are not zero."""
    return block[:, : int(np.count_nonzero(block.any(axis=0)))]


def _put(block: Float32, columns: Float32) -> None:
    block[:, : columns.shape[1]] = columns
