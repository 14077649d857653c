"""Find the images of a dataset that changed from one run to the next, in bounded memory.

Most images keep the row that they had before. The others are matched by name, a limited number at a time. The rest,
images that only one run has, are matched by bytes: an image that was moved or relabelled is still the same image.
"""

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.runs.run import Run
from storage.tables.parquet import read_groups
from storage.tables.schemas import REMOVED, UNLABELLED
from tasks.dtypes import Int64, Mask
from tasks.planning.memory import MOVED_AT_ONCE
from tasks.statistics.relabelling import sample_ids

CHANGES = ("added", "removed", "changed", "relabelled", "renamed")
BY_NAME = CHANGES[:4]
FOUND = pa.schema({"key": pa.string(), "change": pa.string(), "class": pa.string(), "digest": pa.string()})
IMAGES = pa.schema({"key": pa.string(), "class": pa.string(), "digest": pa.string()})


def changed_images(before: Run, after: Run) -> pa.Table:
    """List the images that were added, removed, changed, relabelled or renamed, in columns `key` and `change`.

    They are sorted by key. An image with the same bytes under another name is listed by its new name. Memory grows with
    the number of changed images, not with the number of images.
    """
    moved, found = 0, []
    for then, now, alike in _side_by_side(before, after):
        found.append(_changes(then.filter(alike), now.filter(alike)))
        moved += len(then) - int(np.sum(alike))
    parts = moved // MOVED_AT_ONCE + 1
    for part in range(parts):
        then, now = _moved(before, after, part, parts)
        place = pc.index_in(then["key"], value_set=now["key"])
        found.append(_changes(then, now.take(place)))
        new = now.filter(pc.invert(pc.is_in(now["key"], value_set=then["key"])))
        found.append(_changes(_nothing(len(new)), new))
    by_name = pa.concat_tables(found).combine_chunks()
    return _matched_by_bytes(by_name).select(["key", "change"]).sort_by("key").combine_chunks()


def _matched_by_bytes(found: pa.Table) -> pa.Table:
    """Replace pairs of an added and a removed image with the same bytes: renamed in its class, or else relabelled."""
    for change, columns in (("renamed", ["digest", "class"]), ("relabelled", ["digest"])):
        added, removed = (
            found.filter(pc.and_(pc.equal(found["change"], kind), pc.is_valid(found["digest"])))
            for kind in ("added", "removed")
        )
        now, then = _pairs(added.select([*columns, "key"]), removed.select([*columns, "key"]))
        one = added.take(now)
        one = one.set_column(1, FOUND.field("change"), pa.repeat(change, len(one)).cast(pa.string()))
        both = pa.concat_tables([one.select(["key"]), removed.take(then).select(["key"])])["key"]
        gone = pc.and_(
            pc.is_in(found["change"], value_set=pa.array(["added", "removed"])), pc.is_in(found["key"], both)
        )
        found = pa.concat_tables([found.filter(pc.invert(gone)), one])
    return found


def _pairs(added: pa.Table, removed: pa.Table) -> tuple[Int64, Int64]:
    """Positions of images that are alike in all columns but the last, the key, by which copies are paired in order."""
    every = pa.concat_tables([added, removed])
    codes = [np.asarray(every[name].combine_chunks().dictionary_encode().indices) for name in every.column_names[:-1]]
    names = np.asarray(pc.rank(every["key"].combine_chunks(), tiebreaker="first"))
    new = np.arange(len(every)) < len(added)
    order = np.lexsort((names, ~new, *codes))
    begins = np.zeros(len(order), np.bool_)
    for code in codes:
        begins[1:] |= code[order][1:] != code[order][:-1]
    group = np.cumsum(begins)
    # The place of an image among the added, or among the removed images of its group.
    of_side = group * 2 + ~new[order]
    place = np.arange(len(order)) - np.searchsorted(of_side, of_side)
    ids = group * (len(order) + 1) + place
    mine, theirs = ids[new[order]], ids[~new[order]]
    _, now, then = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    return order[new[order]][now], order[~new[order]][then] - len(added)


def _side_by_side(before: Run, after: Run) -> Iterator[tuple[pa.Table, pa.Table, Mask]]:
    """Yield the same rows of both runs, padded to equal length, and a mask of rows whose images have the same name."""
    for then, now in zip_longest(_images(before), _images(after), fillvalue=_nothing(0)):
        rows = max(len(then), len(now))
        both = [pa.concat_tables([some, _nothing(rows - len(some))]) for some in (then, now)]
        yield *both, np.asarray(pc.fill_null(pc.equal(*(some["key"] for some in both)), fill_value=False))


def _images(run: Run) -> Iterator[pa.Table]:
    """Yield key, class name and digest of all images, a row group at a time.

    Removed images have no class. That of images without a label is the empty name.
    """
    classes = pa.array([*run.manifest.classes, ""], pa.string())
    for rows in read_groups(run.paths.table("samples"), ["key", "class_id", "digest"]):
        ids = rows["class_id"].combine_chunks()
        ids = pc.if_else(pc.equal(ids, UNLABELLED), pa.scalar(len(classes) - 1, pa.int32()), ids)
        names = classes.take(pc.if_else(pc.equal(ids, REMOVED), None, ids))
        columns = [rows["key"].combine_chunks(), names, rows["digest"].combine_chunks()]
        yield pa.Table.from_arrays(columns, schema=IMAGES)


def _nothing(rows: int) -> pa.Table:
    return pa.Table.from_arrays([pa.nulls(rows, field.type) for field in IMAGES], schema=IMAGES)


def _moved(before: Run, after: Run, part: int, parts: int) -> tuple[pa.Table, pa.Table]:
    """Return one part of the images of both runs that have another row, or no row, in the other run."""
    then, now = [_nothing(0)], [_nothing(0)]
    for *both, alike in _side_by_side(before, after):
        for some, kept in zip(both, (then, now), strict=True):
            others = some.filter(pc.and_(pa.array(~alike), pc.is_valid(some["class"])))
            if parts > 1:
                others = others.filter(pa.array(sample_ids(others["key"].to_pylist()) % parts == part))
            kept.append(others)
    return pa.concat_tables(then).combine_chunks(), pa.concat_tables(now).combine_chunks()


def _changes(then: pa.Table, now: pa.Table) -> pa.Table:
    """Name the change of each pair of images; an image without a class is not in the dataset."""
    was, stays = (np.asarray(pc.is_valid(some["class"])) for some in (then, now))
    other = {
        name: np.asarray(pc.not_equal(pc.fill_null(then[name], ""), pc.fill_null(now[name], "")))
        for name in ("digest", "class")
    }
    both = was & stays
    kinds = [~was & stays, was & ~stays, both & other["digest"], both & ~other["digest"] & other["class"]]
    keys = pc.coalesce(then["key"], now["key"])
    columns = [keys, *(pc.coalesce(now[name], then[name]) for name in ("class", "digest"))]
    parts = []
    for kind, change in zip(kinds, BY_NAME, strict=True):
        key, label, digest = (column.filter(pa.array(kind)) for column in columns)
        parts.append(pa.table([key, pa.repeat(change, int(kind.sum())), label, digest], FOUND))
    return pa.concat_tables(parts)
