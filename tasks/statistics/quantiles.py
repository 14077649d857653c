"""Exact quantiles of more numbers than memory holds, in three passes over them.

This is a radix selection. After a correction for the sign, the bits of float32 numbers have the order of the numbers.
Each pass counts the numbers by their next bits, and so finds more bits of the wanted quantiles.
"""

from collections.abc import Callable, Iterable

import numpy as np

from tasks.dtypes import Float32, Int64, UInt32

WORD, SIGN = 32, np.uint32(1 << 31)
DIGITS = (11, 11, 10)  # bits found in each pass


def quantiles(blocks: Callable[[], Iterable[Float32]], parts: int) -> Float32:
    """Compute the quantiles of each column that divide its sorted numbers into equal parts.

    Parameters
    ----------
    blocks
        Function that returns all numbers in blocks (n_i, k), at least one, without NaN; called once per pass.
    parts
        Number of parts.

    Returns
    -------
    Float32
        Quantiles (parts - 1, k): of n sorted numbers those at index n i // parts for i = 1, 2, ...
    """
    found, rank, known = np.zeros((parts - 1, 1), np.uint32), np.zeros((parts - 1, 1), np.int64), 0
    for width in DIGITS:
        counts = _counts(blocks(), found, known, width)
        if not known:
            rank = counts[0, 0].sum() * np.arange(1, parts)[:, None] // parts
        below = counts.cumsum(axis=2)
        digit = (below <= rank[..., None]).sum(axis=2)
        before = np.take_along_axis(below, np.maximum(digit - 1, 0)[..., None], 2)[..., 0]
        rank = rank - np.where(digit > 0, before, 0)
        found = (found << np.uint32(width)) | digit.astype(np.uint32)
        known += width
    return _number(found)


def _counts(blocks: Iterable[Float32], found: UInt32, known: int, width: int) -> Int64:
    """Count the numbers of each column that begin with the known bits of each quantile, by next bits (q, k, 2^w)."""
    counts: Int64 | None = None
    for block in blocks:
        bits = _ordered(block)
        if counts is None:
            counts = np.zeros((len(found), bits.shape[1], 1 << width), np.int64)
        cell = (bits >> np.uint32(WORD - known - width)) & np.uint32((1 << width) - 1)
        place = cell + np.arange(bits.shape[1], dtype=np.int64) * (1 << width)
        # A shift by a whole word is undefined; with no known bits, all numbers begin alike.
        start = bits >> np.uint32(WORD - known) if known else np.zeros_like(bits)
        for number, mine in enumerate(found):
            counted = np.bincount(place[start == mine], minlength=counts[0].size)
            counts[number] += counted.reshape(counts[0].shape)
    if counts is None:
        raise ValueError("there are no numbers")
    return counts


def _ordered(values: Float32) -> UInt32:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _number(bits: UInt32) -> Float32:
    return np.where(bits & SIGN, bits ^ SIGN, ~bits).astype(np.uint32).view(np.float32)
