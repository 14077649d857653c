"""Made scores of images on patterns, with class labels."""

import numpy as np

from tasks.statistics.scatter import ClassScatter


def scatter_of(scores, labels, classes, part=None, shuffled=None):
    """Sums over the scores (n, k) for their labels and for shuffled ones, in two parts if none are given."""
    part = np.arange(len(scores)) % 2 if part is None else part
    shuffled = np.random.default_rng(0).permutation(labels) if shuffled is None else shuffled
    return ClassScatter.of(scores.astype(np.float64), part, np.stack([labels, shuffled]), classes)


def varying(seed=0, n=3000, classes=4, rank=5):
    """Scores whose classes have different covariances."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    mixing = random.standard_normal((classes, rank, rank))
    return np.einsum("nij,nj->ni", mixing[labels], random.standard_normal((n, rank))), labels


def moments_of(scores, labels, classes):
    """Sums over all images with scores (n, k) and labels (n,)."""
    return scatter_of(scores, labels, classes, part=np.zeros(len(labels), int)).take(0, [0])
