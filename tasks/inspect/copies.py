"""Find what the nearest neighbors say: near-duplicates, groups of copies, leaks and conflicts."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays.npy import load_npz
from storage.tables.batches import write_batches
from storage.tables.schemas import COPIES
from tasks.dtypes import Int64, Mask
from tasks.inspect.search import Search, load_search
from tasks.planning.memory import neighbour_shards
from tasks.run.job import Job
from tasks.run.state import load_labels
from tasks.statistics.dimension import inverse_dimensions, likeliest_dimension, two_neighbor_dimension
from tasks.statistics.near_duplicates import (
    Pairs,
    Rule,
    copied,
    distinct,
    groups_of,
    mirrored_pairs,
    near_pairs,
    yardsticks_of,
)
from tasks.statistics.neighbours import Neighbours
from tasks.statistics.scatter import HELD_OUT


class Nearest(NamedTuple):
    """Near-duplicates, the rule that found them, and the intrinsic dimension by both estimates."""

    pairs: Pairs
    rule: Rule
    dimension: float
    two_neighbors: float


class Images(NamedTuple):
    """What is known of all images.

    Attributes
    ----------
    class_ids
        Class of each image (n,); negative for images without one.
    fitted
        Whether patterns are fitted on each image (n,).
    other
        Whether each image is a valid one of another split (n,).
    learned
        Whether held-out checks learn from each image (n,).
    """

    class_ids: Int64
    fitted: Mask
    other: Mask
    learned: Mask

    @classmethod
    def of(cls, job: Job) -> Self:
        """Read what is known of the images of a run."""
        found = [_of_shard(job, shard) for shard in range(job.plan.shards)]
        return cls(*map(np.concatenate, zip(*found, strict=True)))


def _of_shard(job: Job, shard: int) -> tuple[Int64, Mask, Mask, Mask]:
    part, labels = job.part(shard, ["class_id", "split", "reason"]), load_labels(job, shard)
    other = pc.and_(pc.is_null(part["reason"]), pc.not_equal(part["split"].cast(pa.string()), job.fitted_split))
    learned = np.zeros(len(labels.valid), np.bool_)
    learned[labels.valid] = labels.counted & (labels.part != HELD_OUT)
    return np.asarray(part["class_id"]).astype(np.int64), job.used(shard), np.asarray(other), learned


class Copies(NamedTuple):
    """Pairs of images, and what follows from them for each image.

    Attributes
    ----------
    images, other
        Number of valid images, and of those of other splits.
    pairs, exact
        All pairs, and the number of exact ones, which come first.
    conflicts
        Number of pairs with different labels.
    group
        Number of the group of each image (n,); -1 for an image in no pair.
    duplicate, conflict, leaked, learned
        As in `COPIES` (n,).
    exactly_leaked
        Number of images of other splits with the bytes of a fitted one.
    near
        Near-duplicates; None if they were not looked for.
    """

    images: int
    other: int
    pairs: Pairs
    exact: int
    conflicts: int
    group: Int64
    duplicate: Mask
    conflict: Mask
    leaked: Mask
    learned: Mask
    exactly_leaked: int
    near: Nearest | None

    @classmethod
    def of(cls, search: Search, images: Images, near: Nearest | None) -> Self:
        """Combine exact copies and near-duplicates."""
        ids, rows = search.ids, np.arange(len(search.ids))
        repeats = np.flatnonzero(ids != rows)
        zeros = np.zeros(len(repeats))
        none = repeats[:0]
        exact = Pairs(ids[repeats], repeats, zeros, zeros, np.zeros(len(repeats), np.bool_))
        found = exact.take(none) if near is None else near.pairs.take(~_other_way_round(images.class_ids, near.pairs))
        pairs = Pairs.joined([exact, found])
        conflicts = _conflicting(images.class_ids, pairs)
        group = groups_of(len(ids), pairs.first, pairs.second)
        return cls(
            images=int(search.valid.sum()),
            other=int(images.other.sum()),
            pairs=pairs,
            exact=len(repeats),
            group=group,
            duplicate=_not_first(group),
            conflicts=len(conflicts.first),
            conflict=_has_pair(len(ids), conflicts),
            leaked=images.other & copied(ids, found.first, found.second, images.fitted),
            learned=copied(ids, found.first, found.second, images.learned),
            exactly_leaked=int((images.other & copied(ids, none, none, images.fitted)).sum()),
            near=near,
        )


def _conflicting(class_ids: Int64, pairs: Pairs) -> Pairs:
    """Return the pairs of images with different labels."""
    return pairs.take(_labelled_differently(class_ids, pairs))


def _other_way_round(class_ids: Int64, pairs: Pairs) -> Mask:
    """Whether images of different labels mirror each other (m,): these may be b and d, or an arrow left and right."""
    return pairs.mirrored & _labelled_differently(class_ids, pairs)


def _labelled_differently(class_ids: Int64, pairs: Pairs) -> Mask:
    first, second = class_ids[pairs.first], class_ids[pairs.second]
    result: Mask = (first != second) & (first >= 0) & (second >= 0)
    return result


def _has_pair(images: int, pairs: Pairs) -> Mask:
    result = np.zeros(images, np.bool_)
    result[pairs.first] = result[pairs.second] = True
    return result


def _not_first(group: Int64) -> Mask:
    """Whether each image is in a group and not the first of it (n,)."""
    result = group >= 0
    result[np.unique(group, return_index=True)[1]] = False
    return result


def find_copies(job: Job, *, searched: bool) -> Copies:
    """Find all copies; near-duplicates only if they were looked for."""
    return Copies.of(load_search(job), Images.of(job), _near(job) if searched else None)


def _near(job: Job) -> Nearest:
    """Find near-duplicates in two readings of the neighbors: for the rule, and for the pairs."""
    measured = [
        (rows, yardsticks_of(found.distances), inverse_dimensions(found.distances), found.distances[:, :2])
        for rows, found, _ in _neighbours(job)
    ]
    rows, yardsticks, inverse, nearest = map(np.concatenate, zip(*measured, strict=True))
    dimension = likeliest_dimension(inverse)
    rule = Rule.of(yardsticks, dimension)
    by_row = np.full(job.plan.row_count, np.nan)
    by_row[rows] = yardsticks
    pairs = []
    for own, found, mirrored in _neighbours(job):
        pairs += [near_pairs(own, found, rule), mirrored_pairs(own, mirrored, by_row, rule)]
    return Nearest(distinct(Pairs.joined(pairs)), rule, dimension, two_neighbor_dimension(nearest))


def _neighbours(job: Job) -> Iterator[tuple[Int64, Neighbours, Neighbours]]:
    """Yield the rows of the images of each task, their neighbors, and those of their mirror images."""
    for first in neighbour_shards(job.plan):
        state = load_npz(job.paths.work.neighbours(first))
        mirrored = Neighbours(state["mirrored_rows"], state["mirrored_distances"])
        yield state["own"], Neighbours(state["rows"], state["distances"]), mirrored


def write_copies(job: Job, copies: Copies) -> None:
    """Write the copies of each image; the last file of the search."""

    def columns(shard: int) -> dict[str, Any]:
        rows = slice(job.plan.rows(shard).start, job.plan.rows(shard).stop)
        group = copies.group[rows]
        masks = {name: getattr(copies, name)[rows] for name in ("duplicate", "conflict", "leaked", "learned")}
        return {"group": pa.array(group, mask=group < 0)} | masks

    metadata = {"run_id": job.run_id, "compared": copies.near is not None}
    write_batches(job.paths.work.copies, COPIES, job.plan.shards, columns, metadata)
