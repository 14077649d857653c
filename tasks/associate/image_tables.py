"""The tables of single images: samples, probabilities and rejects, and exemplars of patterns."""

import numpy as np
import pyarrow.compute as pc

from storage.tables.batches import read_batch
from storage.tables.digests import from_column, to_text
from storage.tables.schemas import REMOVED
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.exemplars import Exemplars

PART_COLUMNS = ["row", "key", "shard", "class_id", "split", "reason", "detail", "digest"]
SIDES = ("positive", "negative")


def write_samples(job: Job) -> None:
    """Write the tables `samples`, `probabilities` and `rejects`."""
    tables = ResultTables(job)
    with (
        tables.writer("samples") as sample_writer,
        tables.writer("probabilities") as probability_writer,
        tables.writer("rejects") as reject_writer,
    ):
        for shard in range(job.plan.shards):
            part = job.part(shard, PART_COLUMNS)
            judged = read_batch(job.paths.work.judgement(shard))
            valid = pc.is_null(part["reason"])
            columns = {name: table[name] for table in (part, judged) for name in table.column_names}
            columns |= {"valid": valid, "digest": to_text(from_column(part["digest"]))}
            sample_writer.write(tables.complete("samples", columns))
            known = judged["label_suspicion"].is_valid()
            columns = {name: columns[name].filter(known) for name in ("row", "key", "class_ids", "probabilities")}
            probability_writer.write(tables.complete("probabilities", columns))
            rejected = pc.and_(pc.invert(valid), pc.not_equal(part["class_id"], REMOVED))
            found = part.filter(rejected)
            reject_writer.write(tables.complete("rejects", {name: found[name] for name in found.column_names}))


def tabulate_exemplars(job: Job, exemplars: Exemplars, tables: ResultTables) -> None:
    """Write the table `exemplars`, by pattern, side and place."""
    scores, rows = (np.moveaxis(values, 0, 1) for values in (exemplars.scores, exemplars.rows))
    patterns, sides, places = scores.shape
    known = keys_and_classes(job, {int(row) for row in rows.ravel()})
    columns = {
        "pattern": np.repeat(np.arange(patterns), sides * places),
        "side": np.tile(np.repeat(SIDES, places), patterns).tolist(),
        "place": np.tile(np.arange(places), patterns * sides),
        "row": rows.ravel(),
        "key": [known[int(row)][0] for row in rows.ravel()],
        "class_id": [known[int(row)][1] for row in rows.ravel()],
        "score": scores.ravel(),
    }
    tables.write("exemplars", columns)


def keys_and_classes(job: Job, rows: set[int]) -> dict[int, tuple[str, int]]:
    """Read key and class of some rows from the shards that hold them."""
    found = {}
    for shard in sorted({row // job.plan.rows_per_shard for row in rows}):
        part = job.part(shard, ["row", "key", "class_id"])
        for row, key, class_id in zip(*(part[name].to_pylist() for name in part.column_names), strict=True):
            if row in rows:
                found[row] = (key, class_id)
    return found
