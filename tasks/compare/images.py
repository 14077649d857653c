"""Find the images of a dataset that changed from one run to the next, in bounded memory.

Most images keep the row that they had before. The others are matched by name, a limited number at a time.
"""

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.runs.run import Run
from storage.tables.parquet import read_groups
from storage.tables.schemas import REMOVED, UNLABELLED
from tasks.dtypes import Mask
from tasks.planning.memory import MOVED_AT_ONCE
from tasks.statistics.relabelling import sample_ids

CHANGES = ("added", "removed", "changed", "relabelled")
IMAGES = pa.schema({"key": pa.string(), "class": pa.string(), "digest": pa.string()})


def changed_images(before: Run, after: Run) -> pa.Table:
    """List the images that were added, removed, changed or relabelled, in columns `key` and `change` sorted by key.

    Memory grows with the number of changed images, not with the number of images.
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
    return pa.concat_tables(found).sort_by("key").combine_chunks()


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
    return pa.concat_tables(
        pa.table({"key": keys.filter(pa.array(kind)), "change": pa.repeat(change, int(kind.sum()))})
        for kind, change in zip(kinds, CHANGES, strict=True)
    )
