"""Groups of images with the same bytes, and what the labels of a group say about each of its images."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Int64, Mask

NONE = -1


class Copies(NamedTuple):
    """The m images that have copies, group by group, each group in the order of preference.

    Attributes
    ----------
    positions
        Position of each image among all (m,).
    groups
        Number of its group, from 0, ascending (m,).
    firsts
        Position of the first image of its group (m,).
    """

    positions: Int64
    groups: Int64
    firsts: Int64


class Labels(NamedTuple):
    """What the labels of a group say about each of its images.

    Attributes
    ----------
    conflicting
        Whether the image has a label, and another image of its group has another (m,).
    majority
        Label of more images of the group than any other label, or `NONE` (m,).
    share
        Part of the group's labelled images that have this image's label; 0 without a label (m,).
    others
        Position in these m of the first image of the group with another label, or `NONE` (m,).
    """

    conflicting: Mask
    majority: Int64
    share: npt.NDArray[np.float64]
    others: Int64


def find_copies(digests: npt.NDArray[np.uint8], preferred: Mask) -> Copies:
    """Group images by digest (n, 16); zeros stand for an image without one. Preferred images (n,) come first."""
    first, second = np.ascontiguousarray(digests).view(np.uint64).T
    there = np.flatnonzero(first | second)
    order = there[np.lexsort((there, ~preferred[there], second[there], first[there]))]
    same = (first[order[1:]] == first[order[:-1]]) & (second[order[1:]] == second[order[:-1]])
    begins = np.concatenate([np.ones(min(len(order), 1), np.bool_), ~same])
    groups = np.cumsum(begins) - 1
    copied = np.bincount(groups)[groups] > 1 if len(groups) else begins
    positions, groups = order[copied], np.unique(groups[copied], return_inverse=True)[1]
    return Copies(positions, groups, positions[np.searchsorted(groups, groups)])


def judge_copies(groups: Int64, labels: Int64) -> Labels:
    """Compare the labels (m,) of images in groups (m,); negative labels stand for none."""
    count = int(groups[-1]) + 1 if len(groups) else 0
    labelled = labels >= 0
    base = int(labels.max(initial=0)) + 1
    pairs, own, sizes = np.unique((groups * base + labels)[labelled], return_inverse=True, return_counts=True)
    different = np.bincount(pairs // base, minlength=count)
    totals = np.bincount(groups[labelled], minlength=count)
    share = np.zeros(len(groups))
    share[labelled] = sizes[own] / totals[groups[labelled]]
    conflicting = labelled & (different[groups] > 1)
    return Labels(conflicting, _majority(pairs, sizes, base, count)[groups], share, _others(groups, labels, labelled))


def _majority(pairs: Int64, sizes: Int64, base: int, count: int) -> Int64:
    """Label of each group that more of its images have than any other, or `NONE` (count,)."""
    order = np.lexsort((sizes, pairs // base))
    owner, sizes = pairs[order] // base, sizes[order]
    last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    tied = np.append(False, (owner[1:] == owner[:-1]) & (sizes[1:] == sizes[:-1]))[: len(owner)]
    result = np.full(count, NONE)
    chosen = last & ~tied
    result[owner[chosen]] = pairs[order][chosen] % base
    return result


def _others(groups: Int64, labels: Int64, labelled: Mask) -> Int64:
    """Position of the first image of each image's group with another label, or `NONE` (m,)."""
    result = np.full(len(groups), NONE)
    places = np.flatnonzero(labelled)
    owner, given = groups[places], labels[places]
    first = places[np.searchsorted(owner, owner)]  # of the group
    differs = given != labels[first]
    result[places[differs]] = first[differs]
    # An image with the label of the group's first needs the first image that differs from it.
    second = places[differs]
    if len(second):
        at = np.searchsorted(groups[second], owner[~differs])
        found = (at < len(second)) & (groups[second[np.minimum(at, len(second) - 1)]] == owner[~differs])
        result[places[~differs][found]] = second[at[found]]
    return result
