"""The table of the images that show each pattern best."""

from collections.abc import Mapping

import numpy as np

from storage.tables import TABLES, write_table
from tasks.begin_run import Job
from tasks.exemplars import Exemplars

SIDES = ("positive", "negative")


def tabulate_exemplars(job: Job, exemplars: Exemplars, metadata: Mapping[str, str]) -> None:
    """Write the table `exemplars`, by pattern, side and place."""
    scores, rows = (np.moveaxis(values, 0, 1) for values in (exemplars.scores, exemplars.rows))
    patterns, sides, places = scores.shape
    known = _samples(job, {int(row) for row in rows.ravel()})
    columns = {
        "pattern": np.repeat(np.arange(patterns), sides * places),
        "side": np.tile(np.repeat(SIDES, places), patterns).tolist(),
        "place": np.tile(np.arange(places), patterns * sides),
        "row": rows.ravel(),
        "key": [known[int(row)][0] for row in rows.ravel()],
        "class_id": [known[int(row)][1] for row in rows.ravel()],
        "score": scores.ravel(),
    }
    write_table(job.paths.table("exemplars"), TABLES["exemplars"], columns, metadata)


def _samples(job: Job, rows: set[int]) -> dict[int, tuple[str, int]]:
    """Key and class of some rows, from the shards that hold them."""
    found = {}
    for shard in sorted({row // job.plan.rows_per_shard for row in rows}):
        part = job.part(shard, ["row", "key", "class_id"])
        for row, key, class_id in zip(*(part[name].to_pylist() for name in part.column_names), strict=True):
            if row in rows:
                found[row] = (key, class_id)
    return found
