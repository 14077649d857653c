"""The images of a finished run, and which of those that have a value take part in what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays.zarr import array_shape
from storage.datasets.kept_columns import columns_of_table
from storage.runs.run import Run
from storage.settings import Settings
from storage.tables.digests import from_text
from storage.tables.parquet import read_table
from storage.tables.schemas import COLUMNS
from tasks.dtypes import Float64, Int64, Mask, UInt64
from tasks.planning.groups import Groups
from tasks.run.scores import read_scores
from tasks.statistics.near_duplicates import copied
from tasks.statistics.relabelling import sample_ids
from tasks.statistics.scatter import HELD_OUT, parts
from tasks.statistics.units import find_units

SAMPLES = ["key", "class_id", "split", "valid", "digest"]


class Pairs(NamedTuple):
    """Copies that the run found: ids of equal images (N,), and rows of near-duplicates (m,) and (m,)."""

    ids: Int64
    first: Int64
    second: Int64


@dataclass(frozen=True)
class RunImages:
    """All N rows of a finished run.

    Attributes
    ----------
    run
        The run.
    settings
        Its settings.
    valid, fitted, other
        Whether each row holds a valid image, one that patterns are fitted on, and a valid one of another split (N,).
    digests
        Digest of each image (N, 16).
    classes
        Class of each image (N,); -1 without one.
    keys, groups
        Id of each image's key, and of its group (N,); None if the dataset names no groups.
    copies
        Copies that the run found.
    """

    run: Run
    settings: Settings
    valid: Mask
    fitted: Mask
    other: Mask
    digests: np.ndarray
    classes: Int64
    keys: UInt64 | None
    groups: UInt64 | None
    copies: Pairs

    @classmethod
    def of(cls, run: Run) -> Self:
        """Read what is known of the images of a run."""
        settings, samples = Settings.recorded(run.manifest.settings), read_table(run.paths.table("samples"), SAMPLES)
        valid, classes = np.asarray(samples["valid"]), np.asarray(samples["class_id"]).astype(np.int64)
        here = np.asarray(pc.equal(samples["split"].cast(pa.string()), run.manifest.fitted_split))
        grouped = settings.reading.group is not None
        return cls(
            run=run,
            settings=settings,
            valid=valid,
            fitted=valid & here & (classes >= 0),
            other=valid & ~here,
            digests=from_text(samples["digest"]),
            classes=classes,
            keys=sample_ids(samples["key"].to_pylist()) if grouped else None,
            groups=_groups(run, settings, samples) if grouped else None,
            copies=_copies(run, len(samples)),
        )

    @property
    def rank(self) -> int:
        """Number of patterns."""
        return int(array_shape(self.run.paths.scores)[0][1])

    def shards(self) -> Iterator[tuple[int, slice]]:
        """Yield the number and the rows of each shard."""
        plan = self.run.manifest.layout.plan
        for shard in range(plan.shards):
            yield shard, slice(shard * plan.rows_per_shard, min((shard + 1) * plan.rows_per_shard, len(self.valid)))

    def scores(self, shard: int, mask: Mask) -> Float64:
        """Read the scores (m, k) of some images of a shard, by a mask of all rows."""
        return self._scores(shard, mask, judging=False)

    def judging_scores(self, shard: int, mask: Mask) -> Float64:
        """Read the scores (m, k) that labels are judged by, of some images of a shard, by a mask of all rows."""
        return self._scores(shard, mask, judging=True)

    def _scores(self, shard: int, mask: Mask, *, judging: bool) -> Float64:
        plan, paths = self.run.manifest.layout.plan, self.run.paths
        array = paths.judging_scores if judging and plan.judging_rank else paths.scores
        rows = np.flatnonzero(mask[shard * plan.rows_per_shard : (shard + 1) * plan.rows_per_shard])
        return read_scores(array, plan.rows_per_shard, shard)[rows].astype(np.float64)


def _groups(run: Run, settings: Settings, samples: pa.Table) -> UInt64 | None:
    """Id of each image's group, from the column that the run kept, or from names of images."""
    columns = None
    if "columns" in run.tables:
        table = run.tables["columns"]
        columns = columns_of_table(samples["key"], table.drop_columns(list(COLUMNS.names)))
    return Groups(run.manifest.source, columns, settings.reading.group).ids(samples)


def _copies(run: Run, count: int) -> Pairs:
    """Read the copies that a run found; a run of an earlier version did not look for any."""
    ids, none = np.arange(count), np.zeros(0, np.int64)
    if "near_duplicates" not in run.tables:
        return Pairs(ids, none, none)
    table = read_table(run.paths.table("near_duplicates"), ["row", "other_row", "exact"])
    first, second, exact = (np.asarray(table[name]) for name in table.column_names)
    ids[second[exact]] = first[exact]
    return Pairs(ids, first[~exact], second[~exact])


@dataclass(frozen=True)
class Sides:
    """What the images with a value take part in; masks (N,) of all rows.

    As for classes: shuffles, halves and held-out images go by the image's bytes or its group, and equal bytes with one
    value count once. Held-out images that are copies, exact or near, of images learned from are not judged.

    Attributes
    ----------
    codes
        Number of each row's value (N,); -1 without one.
    units
        Id of each row's unit (N,).
    sampled
        Images that sums are over: fitted on, and counted.
    learned
        Counted images that held-out checks learn from.
    held_out, judged
        Counted images that are held out, and those of them that are judged.
    part
        Part of each image (N,); see `tasks.statistics.scatter`.
    other_split
        Whether the held-out images are those of other splits.
    """

    codes: Int64
    units: UInt64
    sampled: Mask
    learned: Mask
    held_out: Mask
    judged: Mask
    part: Int64
    other_split: bool

    @classmethod
    def of(cls, images: RunImages, codes: Int64, *, seen: bool = True) -> Self:
        """Find them from the number of each row's value (N,), equal for equal values; -1 without one.

        `seen` judges only images whose value one of those learned from has: a class that was not learned from cannot
        be predicted, but a number can.
        """
        there = codes >= 0
        fitted, other = images.fitted & there, images.other & there
        units = find_units(images.digests, codes, fitted, other, images.groups)
        other_split = bool(other.any())
        part = parts(units.ids, units.learned, images.settings.association.seed, other_split=other_split)
        learned, held_out = units.counted & (part != HELD_OUT), units.counted & (part == HELD_OUT)
        judged = held_out & ~copied(*images.copies, learned)
        if seen:
            judged &= np.isin(codes, np.unique(codes[learned]))
        sampled = fitted & units.counted
        return cls(codes, units.ids, sampled, learned, held_out, judged, part, other_split)

    @property
    def judged_units(self) -> int:
        """Number of independent units among the judged images."""
        return len(np.unique(self.units[self.judged]))
