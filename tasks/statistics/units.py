"""Independent units: which images belong together, and which of them count.

Statistics, shuffles and held-out checks assume independent images. Images with the same bytes are one unit, and so are
images of one group (a scene, a patient, a video) if the dataset names groups. All images of a unit lie on the same side
of a held-out check and in the same part of the bootstrap. Of equal bytes with one label, one image counts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Int64, Mask, UInt64
from tasks.statistics.relabelling import stream_hashes


class Units(NamedTuple):
    """The unit of each image.

    Attributes
    ----------
    ids
        Id of the unit of each image (n,): equal for images of one unit.
    counted
        Whether statistics count the image (n,).
    learned
        Whether patterns are fitted on an image of the same unit (n,).
    represented
        Whether statistics count the image, or one with its bytes and label (n,).
    """

    ids: UInt64
    counted: Mask
    learned: Mask
    represented: Mask


def find_units(
    digests: npt.NDArray[np.uint8], class_ids: Int64, fitted: Mask, other: Mask, groups: UInt64 | None
) -> Units:
    """Find the units of a dataset, and the images that count.

    An image is left out if it has the bytes and the label of one that counts. So is an image of another split than the
    fitted one if the fitted split has an image of its unit, since it is not unseen.

    Parameters
    ----------
    digests
        Digest of each image (n, 16).
    class_ids
        Class of each image (n,).
    fitted, other
        Whether patterns are fitted on each image, and whether it is a valid labelled image of another split (n,).
    groups
        Group of each image (n,), or None if the dataset names no groups.
    """
    first, second = np.ascontiguousarray(digests).view(np.uint64).T
    rows = np.arange(len(first))
    order = np.lexsort((rows, class_ids, ~fitted, ~(fitted | other), first, second))
    same_bytes = _same_as_before(first[order]) & _same_as_before(second[order])
    repeats = same_bytes & _same_as_before(class_ids[order]) & _same_as_before(fitted[order])
    ids = first if groups is None else groups
    learned = _any_of(ids, fitted)
    copied = np.empty(len(rows), np.bool_)
    copied[order] = _any_of(np.cumsum(~same_bytes), fitted[order])
    counted = fitted | (other & ~learned & ~copied)
    counted[order[repeats]] = False
    return Units(ids, counted, learned | copied, _with_a_counted_copy(first, second, class_ids, counted))


def _with_a_counted_copy(first: UInt64, second: UInt64, class_ids: Int64, counted: Mask) -> Mask:
    """Whether an image with the same digest, in two halves, and the same label is counted (n,)."""
    order = np.lexsort((class_ids, first, second))
    same = _same_as_before(first[order]) & _same_as_before(second[order]) & _same_as_before(class_ids[order])
    result = np.empty(len(order), np.bool_)
    result[order] = _any_of(np.cumsum(~same), counted[order])
    return result


def _same_as_before(values: npt.NDArray[np.generic]) -> Mask:
    result = np.zeros(len(values), np.bool_)
    result[1:] = values[1:] == values[:-1]
    return result


def _any_of(ids: npt.NDArray[np.integer], mask: Mask) -> Mask:
    """Whether the mask is true for any image with the same id (n,)."""
    return np.isin(ids, np.unique(ids[mask]))


def shuffled_by_group(groups: UInt64, images: UInt64, labels: Int64, seed: int, permutations: int) -> Int64:
    """Shuffle labels so that images of one group keep belonging together.

    Each group takes over the labels of another, in the proportions that they have there, and spreads them over its own
    images at random. If a group has one label, as a scene does, whole groups exchange their labels. If it has several,
    as a patient or a site may, this also shuffles them within the group.

    Parameters
    ----------
    groups, images, labels
        Group, id and label of each image (n,).
    seed, permutations
        Seed and number R of the permutations.

    Returns
    -------
    Int64
        Shuffled labels (R, n).
    """
    names, own, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    by_label = labels[np.lexsort((labels, own))]
    result = np.empty((permutations, len(labels)), np.int64)
    for number in range(permutations):
        order = np.lexsort((stream_hashes(images, seed, number), own))
        giver = np.argsort(stream_hashes(names, seed, number), kind="stable")[own[order]]
        place = np.arange(len(labels)) - starts[own[order]]
        # The image in the middle of its share of the group takes the label in the middle of the same share there.
        taken = (2 * place + 1) * sizes[giver] // (2 * sizes[own[order]])
        result[number, order] = by_label[starts[giver] + taken]
    return result
