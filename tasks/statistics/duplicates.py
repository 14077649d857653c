"""Images whose stored bytes are the same, found by their digests."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Duplicates:
    """What repeats.

    Attributes
    ----------
    groups
        Rows of each set of images that are the same, smallest first, ordered by their first row.
    images
        Images that repeat an earlier one.
    conflicting
        Groups with more than one class.
    """

    groups: tuple[tuple[int, ...], ...]
    images: int
    conflicting: int


def find_duplicates(digests: bytes, class_ids: npt.NDArray[np.int32]) -> Duplicates:
    """Find images with the same digest.

    Parameters
    ----------
    digests
        Digests of all images, one after the other; all zero for an image that could not be read.
    class_ids
        Labels (n,).
    """
    halves = np.frombuffer(digests, np.uint64).reshape(len(class_ids), 2)
    order = np.lexsort((np.arange(len(halves)), halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    same = (ordered[1:] == ordered[:-1]).all(axis=1) & ordered[1:].any(axis=1)
    # A group is a stretch of the order in which each but the first is the same as the one before.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    groups = sorted(tuple(order[start : end + 1].tolist()) for start, end in zip(starts, ends, strict=True))
    conflicting = sum(len(set(class_ids[list(group)].tolist())) > 1 for group in groups)
    return Duplicates(tuple(groups), int(same.sum()), conflicting)
