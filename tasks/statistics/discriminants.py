"""Linear discriminants of groups of images that are all as likely, from sums."""

import numpy as np

from tasks.dtypes import Float64, Int64


def discriminants(means: Float64, scatter: Float64, images: float) -> tuple[Float64, Float64]:
    """Fit linear discriminants: an image with scores x is most likely of the group with the largest x @ w + b.

    Groups are normal with a common covariance, and all as likely (Fisher, 1936). The covariance (n S + k D)/(n + k) is
    shrunk to its diagonal D, since scores have none but small correlations.

    Parameters
    ----------
    means
        Mean scores of the groups (m, k).
    scatter
        Sum of outer products of the scores about these means (k, k), equal to n S.
    images
        Number n of images.

    Returns
    -------
    tuple[Float64, Float64]
        Weights w (k, m) and offsets b (m,).
    """
    n, rank = max(images, 1), len(scatter)
    spread = np.diagonal(scatter) / n
    # A pattern without variance within groups has no correlation either, so any positive number serves.
    spread = np.where(spread > 0, spread, 1)
    shrunk: Float64 = ((scatter + scatter.T) / 2 + rank * np.diag(spread)) / (n + rank)
    weights = np.asarray(np.linalg.solve(shrunk, means.T), np.float64)
    offsets: Float64 = -(means.T * weights).sum(axis=0) / 2
    return weights, offsets


def class_discriminants(counts: Int64, sums: Float64, cross: Float64) -> Float64:
    """Fit discriminants of classes from counts (C,), sums of scores (C, k) and of their outer products (k, k).

    Returns
    -------
    Float64
        Matrix (k + 1, C) of weights, offsets in the last row: minus infinity for classes without images, unless there
        are no images at all.
    """
    known = counts > 0
    means = np.divide(sums, counts[:, None], where=known[:, None], out=np.zeros_like(sums))
    weights, offsets = discriminants(means, cross - sums.T @ means, float(counts.sum()))
    return np.concatenate([weights, np.where(known, offsets, -np.inf)[None]])
