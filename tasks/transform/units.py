"""Find which images are independent once all were read, and keep it beside the run's other state."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.tables.batches import write_batches
from storage.tables.digests import from_column
from storage.tables.schemas import UNITS
from tasks.dtypes import Int32, Int64, Mask, UInt64
from tasks.run.job import Job
from tasks.statistics.scatter import HELD_OUT, parts
from tasks.statistics.units import Units, find_units, shuffled_by_group


class UnitCounts(NamedTuple):
    """Number of fitted and of held-out units, and of images of other splits that belong to a fitted unit."""

    fitted: int
    held_out: int
    leaked: int


def write_units(job: Job) -> UnitCounts:
    """Write the unit of each image, and the shuffled labels of grouped images."""
    columns_of = [_columns(job, shard) for shard in range(job.plan.shards)]
    digests, class_ids, images, fitted, other = map(np.concatenate, zip(*columns_of, strict=True))
    groups = None
    if job.settings.reading.group is not None:
        groups = np.concatenate([np.asarray(job.listed(shard)["group"]) for shard in range(job.plan.shards)])
    units = find_units(digests, class_ids, fitted, other, groups)
    shuffled = None if groups is None else _shuffled(job, units, images, class_ids, fitted)

    def columns(shard: int) -> dict[str, Any]:
        rows = slice(job.plan.rows(shard).start, job.plan.rows(shard).stop)
        lists = pa.nulls(len(job.plan.rows(shard))) if shuffled is None else _lists(shuffled[:, rows])
        return {
            "unit": units.ids[rows],
            "counted": units.counted[rows],
            "learned": units.learned[rows],
            "represented": units.represented[rows],
            "shuffled": lists,
        }

    write_batches(job.paths.work.units, UNITS, job.plan.shards, columns, {"run_id": job.run_id})
    part = parts(units.ids, units.learned, job.settings.association.seed, other_split=job.plan.other_split)
    held_out = units.ids[units.counted & (part == HELD_OUT)]
    return UnitCounts(len(np.unique(units.ids[fitted])), len(np.unique(held_out)), int((other & units.learned).sum()))


def _columns(job: Job, shard: int) -> tuple[Any, ...]:
    """Digest, class and id of each image of a shard, and whether it is fitted on, or a valid one of another split."""
    part = job.part(shard, ["digest", "class_id", "sample_id", "reason"])
    class_ids, fitted = np.asarray(part["class_id"]).astype(np.int64), job.used(shard)
    other = np.asarray(pc.is_null(part["reason"])) & (class_ids >= 0) & ~fitted
    return from_column(part["digest"]), class_ids, np.asarray(part["sample_id"]), fitted, other


def _shuffled(job: Job, units: Units, images: UInt64, class_ids: Int64, fitted: Mask) -> Int32:
    """Shuffle the labels of the fitted images that count, and apart from them those of all others (R, n)."""
    chosen = job.settings.association
    result = np.empty((chosen.permutations, len(class_ids)), np.int32)
    sampled = fitted & units.counted
    for some in (sampled, ~sampled):
        given = units.ids[some], images[some], class_ids[some]
        result[:, some] = shuffled_by_group(*given, chosen.seed, chosen.permutations)
    return result


def _lists(shuffled: Int32) -> pa.ListArray:
    """Turn an array (R, n) into n lists of R numbers."""
    return pa.FixedSizeListArray.from_arrays(shuffled.T.ravel(), len(shuffled)).cast(pa.list_(pa.int32()))
