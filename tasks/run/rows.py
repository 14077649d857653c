"""Number the rows of images as in the last run, so that few changed images change few shards."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from storage.runs.layout import Layout, read_layout
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.tables.parquet import read_table
from storage.tables.schemas import REMOVED
from tasks.run.earlier import last_of_source


@dataclass(frozen=True)
class Rows:
    """Samples in the order of their rows, the run whose numbering they keep (or None), and the rows per shard."""

    samples: pa.Table
    run: RunPaths | None
    rows_per_shard: int

    @property
    def masked(self) -> int:
        """Number of rows without an image."""
        return int(pc.sum(pc.equal(self.samples["class_id"], REMOVED)).as_py() or 0)


def find_rows(workspace: Workspace, settings: Settings, layout: Layout, samples: pa.Table) -> Rows:
    """Number the rows as in the last run of the same source, if possible.

    They are numbered anew if more than half of the rows would be empty, or if shards would be less than half as large
    as planned.

    Parameters
    ----------
    workspace, settings
        Workspace and settings of the new run.
    layout
        Layout of the new run, with its source and plan.
    samples
        The dataset, in the order of its source.
    """
    fresh = layout.plan.rows_per_shard
    earlier = None if settings.dataset.compact else last_of_source(workspace, settings, layout)
    before = read_layout(earlier).plan.rows_per_shard if earlier else 0
    if earlier is not None and before * 2 >= fresh:
        rows = Rows(ordered_as(samples, earlier), earlier, before)
        if len(rows.samples) <= 2 * len(samples):
            return rows
    return Rows(samples, None, fresh)


def ordered_as(samples: pa.Table, run: RunPaths) -> pa.Table:
    """Order samples by their rows in a finished run, new ones last. A row whose sample was removed has no class."""
    before = read_table(run.table("samples"), ["key", "split"])
    positions = pc.index_in(before["key"], value_set=pc.unique(samples["key"]))
    kept = samples.take(positions)
    removed = pc.is_null(positions)
    kept = kept.set_column(0, "key", before["key"])
    kept = kept.set_column(1, "class_id", pc.fill_null(kept["class_id"], REMOVED))
    split = pc.if_else(removed, before["split"].cast(pa.string()), kept["split"].cast(pa.string()))
    kept = kept.set_column(2, samples.schema.field("split"), split.cast(samples.schema.field("split").type))
    new = samples.filter(pc.invert(pc.is_in(samples["key"], value_set=pc.unique(before["key"]))))
    return pa.concat_tables([kept, new]).unify_dictionaries().combine_chunks()
