"""Random permutations of labels in which a sample's label follows from its own id, without a pass over the dataset.

A permutation hashes the id of every sample. If c_1, c_2, ... are the class sizes, the c_1 samples with the smallest
hashes are labelled 0, the next c_2 samples 1, and so on. That is a uniformly random permutation of the labels. To label
any sample in any shard, only the hashes at the borders are needed, the thresholds. All other random choices for a
sample follow from its id too.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from tasks.dtypes import Float64, Int64, UInt64

NOISE = (0.1, 0.25, 0.5, 0.75, 0.9)

T = TypeVar("T", float, Float64)


def sample_ids(keys: Sequence[str]) -> UInt64:
    """Hash the keys of samples to 64-bit ids (n,)."""
    digests = b"".join(blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def thresholds(ids: UInt64, class_sizes: Int64, seed: int, permutations: int) -> UInt64:
    """Compute the first hash of each class but the first, for each permutation.

    Parameters
    ----------
    ids
        Ids of all samples (n,).
    class_sizes
        Number of samples of each class (C,); their sum is n.
    seed, permutations
        Seed and number of the permutations.

    Returns
    -------
    UInt64
        Thresholds (permutations, C - 1).
    """
    ends = np.cumsum(class_sizes)[:-1]
    # The last classes may be empty: a border behind the last sample is above every hash.
    inside = np.minimum(ends, len(ids) - 1)
    result = np.empty((permutations, len(ends)), np.uint64)
    for number in range(permutations):
        # A partition is no quicker even for ten borders, and takes seconds for as many borders as images.
        ordered = np.sort(stream_hashes(ids, seed, number))
        result[number] = np.where(ends < len(ids), ordered[inside], np.iinfo(np.uint64).max)
    return result


def shuffled_labels(ids: UInt64, borders: UInt64, seed: int) -> Int64:
    """Label some samples (n,) under each permutation; returns (permutations, n)."""
    labels = [
        np.searchsorted(row, stream_hashes(ids, seed, number), side="right").astype(np.int64)
        for number, row in enumerate(borders)
    ]
    return np.stack(labels)


def noisy_labels(ids: UInt64, labels: Int64, shuffled: Int64, seed: int) -> Int64:
    """Replace each fraction in `NOISE` of the labels, at random, by shuffled labels; returns (fractions, n).

    `labels` is (n,) and `shuffled` (permutations, n). Fractions use different permutations if there are enough.
    """
    return np.stack(
        [
            np.where(uniform(ids, seed, f"noise {fraction}") < fraction, shuffled[number % len(shuffled)], labels)
            for number, fraction in enumerate(NOISE)
        ]
    )


def expected_under_noise(fraction: T, value: float, null: float) -> T:
    """Expected learnability when a fraction f of the labels is replaced at random: (1 - f)^2 (L - L0) + L0.

    A replaced label is independent of its image. So the deviations of class means shrink by 1 - f, and the scatter
    between classes by its square. L0 is the expected learnability without association.
    """
    return (1 - fraction) ** 2 * (value - null) + null


def uniform(ids: UInt64, seed: int, stream: str) -> Float64:
    """Return a random number in [0, 1) for each id; streams are independent."""
    bits: UInt64 = stream_hashes(ids, seed, stream) >> np.uint64(11)
    return np.ldexp(bits.astype(np.float64), -53)


def stream_hashes(ids: UInt64, seed: int, stream_name: int | str) -> UInt64:
    """Hash each id; streams of hashes are independent."""
    stream = blake2b(f"{seed}/{stream_name}".encode(), digest_size=8).digest()
    return _mixed(ids ^ np.uint64(int.from_bytes(stream, "little")))


def _mixed(values: UInt64) -> UInt64:
    """Apply the finaliser of SplitMix64 (Steele, Lea and Flood 2014): an input bit changes half of the output bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
