"""Find images with the same stored bytes by their digests."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Int64, Mask


@dataclass(frozen=True)
class Duplicates:
    """Groups of images with the same bytes.

    Attributes
    ----------
    groups
        Ascending rows of the images in each group; groups are ordered by their first row.
    images
        Number of images that repeat an earlier one.
    conflicting
        Number of groups with more than one class.
    """

    groups: tuple[tuple[int, ...], ...]
    images: int
    conflicting: int


def find_duplicates(digests: bytes, class_ids: npt.NDArray[np.int32]) -> Duplicates:
    """Find images with the same digest.

    Parameters
    ----------
    digests
        Digests of all images, concatenated; zeros for an image that could not be read.
    class_ids
        Labels (n,); negative for images without one.
    """
    halves = np.frombuffer(digests, np.uint64).reshape(len(class_ids), 2)
    order = np.lexsort((np.arange(len(halves)), halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    same = (ordered[1:] == ordered[:-1]).all(axis=1) & ordered[1:].any(axis=1)
    # A group is a run in this order, in which each image but the first equals the one before.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    groups = sorted(tuple(order[start : end + 1].tolist()) for start, end in zip(starts, ends, strict=True))
    conflicting = sum(len({label for label in class_ids[list(group)].tolist() if label >= 0}) > 1 for group in groups)
    return Duplicates(tuple(groups), int(same.sum()), conflicting)


def representatives(digests: npt.NDArray[np.uint8], valid: Mask, preferred: Mask) -> Int64:
    """Row of the image that stands for all with the same bytes, for each image (n,).

    It is the first preferred one, or else the first. An image that is not valid stands for itself.

    Parameters
    ----------
    digests
        Digest of each image (n, 16).
    valid, preferred
        Masks of images (n,).
    """
    first, second = np.ascontiguousarray(digests).view(np.uint64).T
    order = np.lexsort((np.arange(len(first)), ~preferred, ~valid, first, second))
    new = np.ones(len(order), np.bool_)
    for half in (first[order], second[order]):
        new[1:] &= half[1:] == half[:-1]
    new[1:] = ~(new[1:] & valid[order][1:])
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    result = np.empty(len(order), np.int64)
    result[order] = order[start]
    return result
