"""What is known of single images of a run, looked up by row."""

from typing import Any

import numpy as np
import pyarrow as pa

from storage.tables.digests import from_column, to_text
from tasks.dtypes import Int64
from tasks.run.job import Job

COLUMNS = ["key", "length", "split", "class_id", "digest"]


def look_up(job: Job, rows: Int64) -> pa.Table:
    """Read key, length, split, class_id and digest (as text) of some images, in the order of `rows` (n,).

    Memory grows with the number of rows, and only their shards are read.
    """
    wanted, place = np.unique(rows, return_inverse=True)
    shards = wanted // job.plan.rows_per_shard
    pieces = [_piece(job, shard, wanted[shards == shard]) for shard in np.unique(shards).tolist()]
    if not pieces:
        return _piece(job, 0, wanted)
    return pa.concat_tables(pieces).unify_dictionaries().combine_chunks().take(pa.array(place))


def _piece(job: Job, shard: int, rows: Int64) -> Any:  # noqa: ANN401 - an Arrow table
    found = job.part(shard, COLUMNS).take(pa.array(rows - job.plan.rows(shard).start))
    text = to_text(from_column(found["digest"]))
    return found.set_column(COLUMNS.index("digest"), "digest", text)
