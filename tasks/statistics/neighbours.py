"""Nearest neighbors among the scores of images, each score divided by its deviation, found exactly by blocks."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float32, Float64, Int64

COUNT = 20  # neighbors that are kept of each image
MIRRORED = 4  # and of its mirror image
PATTERNS = 64  # leading patterns whose scores are compared
LEAST_DEVIATION = 1e-5  # of the largest; scores that vary less are rounding errors
QUERIES, COLUMNS = 256, 2048  # of a tile of products, which fits a core's cache
MEASURED = 2**14  # distances computed at once
NO_ROW = -1

Block = tuple[Int64, Float32]  # ascending rows (b,), and their scaled scores (b, k)


class Neighbours(NamedTuple):
    """The nearest neighbors of some images, nearest first.

    Attributes
    ----------
    rows
        Rows of the neighbors (q, 20); -1 beyond the last, if there are fewer images.
    distances
        Euclidean distances to them (q, 20); infinite where there is no neighbor.
    """

    rows: Int64
    distances: Float64

    @classmethod
    def none(cls, images: int) -> Self:
        """No neighbors of some images."""
        return cls(np.empty((images, 0), np.int64), np.empty((images, 0)))


def scales_of(deviations: Float64) -> Float64:
    """Factors that give scores (n, k) the deviation 1 (k,); 0 for scores that do not vary."""
    least = LEAST_DEVIATION * deviations.max(initial=0.0)
    return np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > least)


def nearest(queries: Block, blocks: Iterable[Block], count: int = COUNT, *, later: bool = False) -> Neighbours:
    """Find the nearest neighbors of some images among all.

    Squared distances follow from products of matrices in float32: |x - y|^2 = |x|^2 - 2 (x'y - |y|^2 / 2). They decide
    which images are neighbors, exact up to rounding; the distances of these are then computed in float64.

    Parameters
    ----------
    queries
        Rows and scores of the images, which are no neighbors of themselves.
    blocks
        Rows and scores of all images, in blocks of ascending rows. They are iterated over twice.
    count
        Number of neighbors.
    later
        Look only among images with larger rows. Blocks without any of them may be left out.
    """
    rows, scores = queries
    searches = [
        _Search(rows[start : start + QUERIES], scores[start : start + QUERIES], count, later=later)
        for start in range(0, len(rows), QUERIES)
    ]
    for tile_rows, tile in _tiles(blocks):
        columns = np.concatenate([tile, -(tile**2).sum(axis=1, keepdims=True) / 2], axis=1).T
        for search in searches:
            search.see(tile_rows, columns)
    found = [search.found() for search in searches]
    return _measured(scores, np.concatenate([*found, np.empty((0, count), np.int64)]), blocks)


def _tiles(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks in pieces of at most `COLUMNS` rows."""
    for rows, scores in blocks:
        for start in range(0, len(rows), COLUMNS):
            yield rows[start : start + COLUMNS], scores[start : start + COLUMNS]


class _Search:
    """The nearest neighbors of a few images among those seen so far.

    A candidate has a product above the least of the neighbors that are kept. Candidates are gathered until there are
    as many as neighbors, so that sorting them takes little of the time.
    """

    def __init__(self, rows: Int64, scores: Float32, count: int, *, later: bool) -> None:
        self._rows, self._count, self._later = rows, count, later
        self._scores = np.concatenate([scores, np.ones((len(rows), 1), np.float32)], axis=1)
        size = len(rows) * count
        queries = np.repeat(np.arange(len(rows)), count)
        self._kept = _Candidates(queries, np.full(size, NO_ROW), np.full(size, -np.inf, np.float32))
        self._least = np.full((len(rows), 1), -np.inf, np.float32)
        self._waiting: list[_Candidates] = []

    def see(self, rows: Int64, columns: Float32) -> None:
        """Compare with a tile of rows (b,) and their scores with minus half the squared norm, as columns (k + 1, b)."""
        products = self._scores @ columns
        if self._later and rows[0] <= self._rows[-1]:
            products[rows <= self._rows[:, None]] = -np.inf
        places = np.searchsorted(rows, self._rows)
        own = np.flatnonzero((places < len(rows)) & (rows[np.minimum(places, len(rows) - 1)] == self._rows))
        products[own, places[own]] = -np.inf
        if np.isneginf(self._least).any() and len(rows) > self._count:
            best = np.argpartition(products, -self._count, axis=1)[:, -self._count :]
            query, column = np.repeat(np.arange(len(best)), self._count), best.ravel()
        else:
            query, column = np.divmod(np.flatnonzero(products > self._least), len(rows))
        self._waiting.append(_Candidates(query, rows[column], products[query, column]))
        full = sum(len(found.query) for found in self._waiting) >= self._kept.query.size
        if full or np.isneginf(self._least).any():
            self._sort()

    def _sort(self) -> None:
        self._kept = _Candidates.joined([self._kept, *self._waiting]).best(self._count)
        self._least = self._kept.products.reshape(-1, self._count)[:, -1:]
        self._waiting = []

    def found(self) -> Int64:
        """Rows of the neighbors (q, count)."""
        self._sort()
        known = np.isfinite(self._kept.products)
        return np.where(known, self._kept.rows, NO_ROW).reshape(-1, self._count)


class _Candidates(NamedTuple):
    """Pairs of query and image: number of the query, row of the image, and product (m,)."""

    query: Int64
    rows: Int64
    products: Float32

    @classmethod
    def joined(cls, parts: "list[Self]") -> Self:
        """Join several sets of candidates."""
        query, rows, products = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(query, rows, products)

    def best(self, count: int) -> "_Candidates":
        """Keep the pairs with the largest products of each query, in descending order; there are `count` or more."""
        order = np.lexsort((self.rows, -self.products, self.query))
        query = self.query[order]
        place = np.arange(len(query)) - np.searchsorted(query, query)
        kept = order[place < count]
        return _Candidates(self.query[kept], self.rows[kept], self.products[kept])


def _measured(scores: Float32, rows: Int64, blocks: Iterable[Block]) -> Neighbours:
    """Compute the distances from scores (q, k) to neighbors (q, m), and order these."""
    distances = np.full(rows.shape, np.inf)
    order = np.argsort(rows, axis=None)
    wanted = rows.ravel()[order]
    for tile_rows, tile in _tiles(blocks):
        first, last = np.searchsorted(wanted, [tile_rows[0], tile_rows[-1] + 1])
        for start in range(first, last, MEASURED):
            part = slice(start, min(start + MEASURED, last))
            places, theirs = order[part], tile[np.searchsorted(tile_rows, wanted[part])].astype(np.float64)
            distances.flat[places] = np.sqrt(((scores[places // rows.shape[1]] - theirs) ** 2).sum(axis=1))
    order = np.lexsort((rows, distances), axis=1)
    return Neighbours(np.take_along_axis(rows, order, 1), np.take_along_axis(distances, order, 1))
