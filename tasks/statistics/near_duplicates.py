"""Near-duplicates: images that are much nearer to each other than to their other neighbors."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.neighbours import COUNT, Neighbours

FIRST, LAST = 6, 20  # neighbors whose median distance is the yardstick of an image
# Largest distance of near-duplicates over that median. Measured on CIFAR-10 with the pairs of Barz and Denzler (2020):
# docs/algorithms.md has how many of them it finds, and how many others.
LARGEST_RATIO = 0.6
# The same for mirror images. On CIFAR-10 nearly all pairs below 0.5 show one picture; a third of those above do not,
# but for example planes of one type against the sky.
LARGEST_MIRRORED = 0.5
BY_CHANCE = 1e-4  # images of no near-duplicate that may have a neighbor so near, as a part of all
# Least yardstick, over the median of all: that of an image with twenty near-copies would be their distance. On CIFAR-10
# the smallest yardstick is 0.41 of the median, so that nothing changes there.
LEAST_YARDSTICK = 0.25
NO_GROUP = -1
FEWEST = COUNT + 1  # images that have so many neighbors


class Rule(NamedTuple):
    """When two images are near-duplicates.

    Attributes
    ----------
    ratio
        Largest distance relative to the yardstick of either image.
    least
        Least yardstick.
    """

    ratio: float
    least: float

    @property
    def mirrored(self) -> float:
        """Largest relative distance of an image from the mirror image of another."""
        return min(self.ratio, LARGEST_MIRRORED)

    @classmethod
    def of(cls, yardsticks: Float64, dimension: float) -> Self:
        """Make the rule from the yardsticks of all images (n,) and the intrinsic dimension of their scores.

        The median of the 6th to the 20th distance is the 13th. In a ball of dimension d around an image, 12 neighbors
        are drawn at random up to that, so the nearest has a ratio below r with probability 1 - (1 - r^d)^12. Where few
        dimensions make small ratios likely, the largest ratio is smaller. If the dimension is NaN, it is 0.6.
        """
        among = (FIRST + LAST) // 2 - 1
        by_chance = (1 - (1 - BY_CHANCE) ** (1 / among)) ** (1 / dimension)
        return cls(min(LARGEST_RATIO, by_chance), LEAST_YARDSTICK * float(np.median(yardsticks)))


class Pairs(NamedTuple):
    """Pairs of images, the first of which has the smaller row.

    Attributes
    ----------
    first, second
        Rows of the images (m,).
    distance
        Distance of their scaled scores (m,).
    relative
        The same over the larger of both yardsticks (m,).
    mirrored
        Whether the distance is from one image to the mirror image of the other (m,).
    """

    first: Int64
    second: Int64
    distance: Float64
    relative: Float64
    mirrored: Mask

    def take(self, chosen: Int64 | Mask) -> Self:
        """Return some of the pairs, by number or by mask."""
        first, second, distance, relative, mirrored = self
        return type(self)(first[chosen], second[chosen], distance[chosen], relative[chosen], mirrored[chosen])

    @classmethod
    def joined(cls, parts: "Sequence[Self]") -> Self:
        """Join several sets of pairs, one after the other."""
        first, second, distance, relative, mirrored = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(first, second, distance, relative, mirrored)


def yardsticks_of(distances: Float64) -> Float64:
    """Median distance to the 6th to the 20th neighbor (n,), from distances (n, 20)."""
    result: Float64 = np.median(distances[:, FIRST - 1 : LAST], axis=1)
    return result


def near_pairs(rows: Int64, neighbours: Neighbours, rule: Rule) -> Pairs:
    """Find the near-duplicates of images with rows (q,); each pair once, nearest by its ratio to either image."""
    yardsticks = np.maximum(yardsticks_of(neighbours.distances), rule.least)[:, None]
    distances = neighbours.distances
    with np.errstate(invalid="ignore"):
        relative = np.where(distances > 0, distances / yardsticks, 0)
    query, place = np.nonzero((relative < rule.ratio) & (neighbours.rows >= 0))
    own, other = rows[query], neighbours.rows[query, place]
    found = np.minimum(own, other), np.maximum(own, other), distances[query, place], relative[query, place]
    return distinct(Pairs(*found, np.zeros(len(own), np.bool_)))


def mirrored_pairs(rows: Int64, neighbours: Neighbours, yardsticks: Float64, rule: Rule) -> Pairs:
    """Find the images that show the mirror image of others in later rows.

    Parameters
    ----------
    rows
        Rows of the images (q,).
    neighbours
        Images in later rows that are nearest to their mirror images (q, m).
    yardsticks
        Yardsticks of all images (n,), by row.
    rule
        The rule, with its own largest ratio for mirror images.
    """
    query, place = np.nonzero(neighbours.rows >= 0)
    first, second, distance = rows[query], neighbours.rows[query, place], neighbours.distances[query, place]
    relative = distance / np.maximum(np.maximum(yardsticks[first], yardsticks[second]), rule.least)
    pairs = Pairs(first, second, distance, relative, np.ones(len(query), np.bool_))
    return pairs.take(relative < rule.mirrored)


def distinct(pairs: Pairs) -> Pairs:
    """Keep each pair once, in the order of its rows: if possible not mirrored, with its smallest relative distance."""
    order = np.lexsort((pairs.relative, pairs.mirrored, pairs.second, pairs.first))
    first, second = pairs.first[order], pairs.second[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return pairs.take(order[new])


def groups_of(images: int, first: Int64, second: Int64) -> Int64:
    """Number the groups of images that pairs connect, in the order of their first rows; -1 for images in no pair (n,).

    Parameters
    ----------
    images
        Number n of images.
    first, second
        Rows of the images of each pair (m,).
    """
    paired, nodes = np.unique(np.concatenate([first, second]), return_inverse=True)
    edges = nodes[: len(first)], nodes[len(first) :]
    graph = coo_array((np.ones(len(first), np.bool_), edges), shape=(len(paired), len(paired)))
    component = connected_components(graph, directed=False)[1]
    _, start, inverse = np.unique(component, return_index=True, return_inverse=True)
    result = np.full(images, NO_GROUP)
    result[paired] = np.argsort(np.argsort(start))[inverse]
    return result


def copied(ids: Int64, first: Int64, second: Int64, chosen: Mask) -> Mask:
    """Whether each image has an exact copy or a near-duplicate other than itself among the chosen ones (n,).

    Parameters
    ----------
    ids
        Row of the image that stands for all with the same bytes, for each image (n,).
    first, second
        Rows of near-duplicates, of images that stand for others (m,).
    chosen
        Mask of images (n,).
    """
    count = np.bincount(ids[chosen], minlength=len(ids))
    near = np.zeros(len(ids), np.bool_)
    near[first[count[second] > 0]] = True
    near[second[count[first] > 0]] = True
    result: Mask = near[ids] | (count[ids] > chosen)
    return result
