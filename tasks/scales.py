"""The same decomposition on some columns alone: it shows at which level, orientation and channel the classes live.

A scale is a run of adjacent columns. Scales that do not overlap are a family, and go through the passes together: a
family's block (p, l) holds the block of each scale in the scale's rows, so that a pass over all of them costs what one
over all columns costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tasks.association import adjusted, expected_null, learnability
from tasks.bands import DETAILS, Band
from tasks.krylov import eigenvectors, nystrom, orthonormalise, random_block
from tasks.products import Float32, Mask, cast_blocks, multiply, project
from tasks.sums import BUDGET, NUMBER, Float64, Int64, LabelSums, Sums

MOST_PATTERNS = 16  # of a scale: few, so that scales with few columns compare with those that have many
OVERSAMPLE = 8
PASSES = 4
NEGLIGIBLE = 1e-12  # a scale that holds less of the energy holds rounding


@dataclass(frozen=True)
class Scale:
    """Columns that are decomposed on their own.

    Attributes
    ----------
    level
        1 is the finest.
    orientation
        LL, LH, HL or HH; None for all details of the level.
    channel
        Number of the channel; None for all.
    start, stop
        Range of columns.
    """

    level: int
    orientation: str | None
    channel: int | None
    start: int
    stop: int

    @property
    def columns(self) -> slice:
        """The columns."""
        return slice(self.start, self.stop)


def families(bands: Sequence[Band], channels: int) -> list[list[Scale]]:
    """All scales: details of each level, each band, each channel of each band; without families that would repeat."""
    details = [band for band in bands if band.orientation in DETAILS]
    by_level = [(level, list(group)) for level, group in groupby(details, key=lambda band: band.level)]
    levels = [Scale(level, None, None, group[0].start, group[-1].stop) for level, group in by_level if len(group) > 1]
    whole = [Scale(band.level, band.orientation, None, band.start, band.stop) for band in bands]
    single = [
        Scale(band.level, band.orientation, channel, band.start + channel * size, band.start + (channel + 1) * size)
        for band in bands
        for size in [(band.stop - band.start) // channels]
        for channel in range(channels)
    ]
    return [family for family in (levels, whole, single if channels > 1 else []) if family]


def patterns_of_scales(scales: int, fitted: int, classes: int, permutations: int) -> int:
    """Patterns of each scale; fewer where many classes would make their sums large, and 0 where not even one fits."""
    affordable = BUDGET // (NUMBER * classes * (permutations + 1) * scales) if scales else 0
    return min(MOST_PATTERNS, max(1, fitted // 4), affordable)


def first_blocks(every: Sequence[Sequence[Scale]], coefficients: int, width: int, seed: int) -> Float32:
    """Random blocks (families, p, l), orthonormal within each scale; columns beyond its number of columns are zero."""
    blocks = np.zeros((len(every), coefficients, width), np.float32)
    for number, family in enumerate(every):
        random = random_block(coefficients, width, seed)
        for scale in family:
            part = random[scale.columns, : scale.stop - scale.start].copy()
            _put(blocks[number, scale.columns], orthonormalise(part, []))
    return blocks


def share(every: Sequence[Sequence[Scale]], rows: Float32, used: Mask, blocks: Float32, mean: Float64) -> Float64:
    """The share of some rows in the product of each scale's Gram matrix with its block: (families, p, l)."""
    product = np.zeros(blocks.shape)
    for number, family in enumerate(every):
        for scale in family:
            own = scale.columns
            product[number, own] = multiply(rows[:, own], used, blocks[number, own], mean[own])
    return product


def next_blocks(every: Sequence[Sequence[Scale]], earlier: Sequence[Float32], product: Float64) -> Float32:
    """The blocks of the next pass from those of all passes before and the last product: zero where nothing is new."""
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
    """The leading patterns of each scale as columns (families, p, rank) from all passes; zero where there are fewer."""
    patterns = np.zeros((*blocks[0].shape[:2], rank), np.float32)
    for number, family in enumerate(every):
        for scale in family:
            own = [_filled(block[number, scale.columns]) for block in blocks]
            results = [
                product[number, scale.columns, : block.shape[1]] for product, block in zip(products, own, strict=True)
            ]
            # The sum of products of the first block with itself is a part of the energy, or rounding.
            if np.abs(np.einsum("ij,ij->j", own[0], results[0])).max() > NEGLIGIBLE * energy:
                _, coefficients = nystrom(own, results)
                _put(patterns[number, scale.columns], eigenvectors(results, coefficients[:, :rank]).T)
    return patterns


def _filled(block: Float32) -> Float32:
    """The columns of a block that hold something: the first ones."""
    return block[:, : int(np.count_nonzero(block.any(axis=0)))]


def _put(block: Float32, columns: Float32) -> None:
    block[:, : columns.shape[1]] = columns


def column_energies(rows: Float32, used: Mask, mean: Float64) -> Float64:
    """Energy about the mean of each column of the used rows (p,)."""
    energies = np.zeros(rows.shape[1])
    for block in cast_blocks(rows, used):
        np.subtract(block, mean, out=block)
        energies += np.einsum("ij,ij->j", block, block)
    return energies


@dataclass(frozen=True)
class ScaleSums(Sums):
    """What scores on the patterns of scales add up to.

    Attributes
    ----------
    shards
        How many.
    labels
        Sums of scores of each class under the true labels, then shuffled ones; the scores of all scales side by side.
    cross
        Sum of outer products of the scores of each scale (scales, k, k).
    energy
        Energy about the mean of each scale (scales,).
    """

    shards: int
    labels: LabelSums
    cross: Float64
    energy: Float64

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - scales, data, patterns, labels
        cls,
        every: Sequence[Sequence[Scale]],
        rows: Float32,
        used: Mask,
        patterns: Float32,
        mean: Float64,
        labellings: Int64,
        classes: int,
    ) -> "ScaleSums":
        """Sums of the used rows (n, p): patterns (families, p, k), labellings of those rows (1 + R, n)."""
        energies = column_energies(rows, used, mean)
        flat = [(number, scale.columns) for number, family in enumerate(every) for scale in family]
        scores = [
            project(rows[:, own], patterns[number, own], mean[own])[used].astype(np.float64) for number, own in flat
        ]
        return cls(
            shards=1,
            labels=LabelSums.of(np.concatenate(scores, axis=1), labellings, classes),
            cross=np.stack([values.T @ values for values in scores]),
            energy=np.array([energies[own].sum() for _, own in flat]),
        )


@dataclass(frozen=True)
class ScaleStatistics:
    """What is known of one scale; learnability is NaN if it has no patterns.

    Attributes
    ----------
    patterns
        How many.
    energy, captured
        Of the scale, and the part of it that the patterns hold.
    learnability, adjusted, expected
        Pillai's trace over C - 1, beyond its expectation, and its expectation under no association.
    shuffled
        Under each permutation of the labels (R,).
    """

    patterns: int
    energy: float
    captured: float
    learnability: float
    adjusted: float
    expected: float
    shuffled: Float64


def statistics(sums: ScaleSums) -> list[ScaleStatistics]:
    """Statistics of every scale, in the order of the families."""
    return [_statistics(sums, position) for position in range(len(sums.cross))]


def _statistics(sums: ScaleSums, position: int) -> ScaleStatistics:
    squares = np.diagonal(sums.cross[position])
    count, rank = int(np.count_nonzero(squares)), len(squares)
    cross = sums.cross[position, :count, :count]
    own = slice(position * rank, position * rank + count)
    true, *shuffled = (
        learnability(counts, totals[:, own], cross)
        for counts, totals in zip(sums.labels.counts, sums.labels.sums, strict=True)
    )
    null = expected_null(count, int(sums.labels.counts[0].sum()))
    energy = float(sums.energy[position])
    return ScaleStatistics(
        patterns=count,
        energy=energy,
        captured=float(squares.sum()) / energy if count else float("nan"),
        learnability=true,
        adjusted=adjusted(true, null),
        expected=null,
        shuffled=np.array(shuffled),
    )
