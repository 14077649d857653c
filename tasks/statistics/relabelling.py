"""Random permutations of labels that need no memory of the dataset: each sample's label follows from its own id.

A permutation gives every sample a hash of its id. If c_1, c_2, ... are the class sizes, the c_1 samples with the
smallest hashes are labelled 0, the next c_2 samples 1, and so on: a uniformly random permutation of the labels. Only
the hashes at the borders, the thresholds, must be known to label any sample, in any shard. Every other random choice
that is made for a sample follows from its id likewise.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from tasks.dtypes import Float64, Int64, UInt64

NOISE = (0.1, 0.25, 0.5, 0.75, 0.9)

T = TypeVar("T", float, Float64)


def sample_ids(keys: Sequence[str]) -> UInt64:
    """64-bit ids of samples from their keys (n,)."""
    digests = b"".join(blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def thresholds(ids: UInt64, class_sizes: Int64, seed: int, permutations: int) -> UInt64:
    """First hash of each class but the first, for each permutation.

    Parameters
    ----------
    ids
        Ids of all samples (n,).
    class_sizes
        Samples of each class (C,), n together.
    seed, permutations
        Which permutations, and how many.

    Returns
    -------
    UInt64
        (permutations, C - 1).
    """
    ends = np.cumsum(class_sizes)[:-1]
    # Classes at the end may be empty: a border behind the last sample is above every hash.
    inside = np.minimum(ends, len(ids) - 1)
    result = np.empty((permutations, len(ends)), np.uint64)
    for number in range(permutations):
        ordered = np.partition(_hashes(ids, seed, number), np.unique(inside))
        result[number] = np.where(ends < len(ids), ordered[inside], np.iinfo(np.uint64).max)
    return result


def shuffled_labels(ids: UInt64, borders: UInt64, seed: int) -> Int64:
    """Labels of some samples under each permutation: (permutations, n)."""
    labels = [
        np.searchsorted(row, _hashes(ids, seed, number), side="right").astype(np.int64)
        for number, row in enumerate(borders)
    ]
    return np.stack(labels)


def noisy_labels(ids: UInt64, labels: Int64, shuffled: Int64, seed: int) -> Int64:
    """Labels of which each fraction of `NOISE` is replaced, at random, by shuffled ones: (fractions, n).

    From labels (n,) and shuffled labels (permutations, n); fractions take different permutations as far as there are.
    """
    return np.stack(
        [
            np.where(uniform(ids, seed, f"noise {fraction}") < fraction, shuffled[number % len(shuffled)], labels)
            for number, fraction in enumerate(NOISE)
        ]
    )


def expected_under_noise(fraction: T, value: float, null: float) -> T:
    """Learnability to expect when a fraction of the labels is replaced at random: (1 - f)^2 (L - L0) + L0.

    A replaced label tells nothing of its image, so the deviations of class means shrink by 1 - f, and the scatter
    between classes by its square; L0 is what is expected without any association.
    """
    return (1 - fraction) ** 2 * (value - null) + null


def uniform(ids: UInt64, seed: int, stream: str) -> Float64:
    """A random number in [0, 1) for each id; another independent one for each stream."""
    bits: UInt64 = _hashes(ids, seed, stream) >> np.uint64(11)
    return np.ldexp(bits.astype(np.float64), -53)


def _hashes(ids: UInt64, seed: int, stream_name: int | str) -> UInt64:
    stream = blake2b(f"{seed}/{stream_name}".encode(), digest_size=8).digest()
    return _mixed(ids ^ np.uint64(int.from_bytes(stream, "little")))


def _mixed(values: UInt64) -> UInt64:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit changes half of the output bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
