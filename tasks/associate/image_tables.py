"""The tables of single images: samples and rejects, suspects, and exemplars of patterns."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from storage.tables.batches import read_batch
from storage.tables.digests import from_column, to_text
from storage.tables.schemas import REMOVED
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.exemplars import Exemplars

PART_COLUMNS = ["row", "key", "shard", "class_id", "split", "reason", "detail", "digest"]
KEPT = 100  # suspects
SIDES = ("positive", "negative")


class Suspect(NamedTuple):
    """An image for which another class is likelier than its label. Suspects sort from the clearest case on."""

    belief: float  # the negative suspicion, so that the clearest case sorts first
    row: int
    key: str
    class_id: int
    likely_class_id: int


def write_samples(job: Job) -> None:
    """Write the tables `samples` and `rejects`."""
    tables = ResultTables(job)
    with tables.writer("samples") as sample_writer, tables.writer("rejects") as reject_writer:
        for shard in range(job.plan.shards):
            part = job.part(shard, PART_COLUMNS)
            judged = read_batch(job.paths.work.judgement(shard))
            valid = pc.is_null(part["reason"])
            columns = {name: table[name] for table in (part, judged) for name in table.column_names}
            columns |= {"valid": valid, "digest": to_text(from_column(part["digest"]))}
            sample_writer.write(tables.complete("samples", columns))
            rejected = pc.and_(pc.invert(valid), pc.not_equal(part["class_id"], REMOVED))
            found = part.filter(rejected)
            reject_writer.write(tables.complete("rejects", {name: found[name] for name in found.column_names}))


def tabulate_suspects(job: Job) -> None:
    """Write the table `suspects`."""
    worst: list[Suspect] = []
    for shard in range(job.plan.shards):
        worst = heapq.nsmallest(KEPT, [*worst, *_suspects(job, shard)])
    columns = {
        "place": np.arange(len(worst)),
        "label_suspicion": [-suspect.belief for suspect in worst],
        **{name: [getattr(suspect, name) for suspect in worst] for name in Suspect._fields[1:]},
    }
    ResultTables(job).write("suspects", columns)


def _suspects(job: Job, shard: int) -> Iterator[Suspect]:
    judged = read_batch(job.paths.work.judgement(shard))
    suspicion = judged["label_suspicion"].to_numpy()
    if not (suspicion > 0).any():
        return
    part = job.part(shard, ["row", "key", "class_id"])
    for position in np.argsort(-suspicion, kind="stable")[: min(KEPT, int((suspicion > 0).sum()))].tolist():
        row, key, class_id = (part[name][position].as_py() for name in part.column_names)
        yield Suspect(-suspicion[position], row, key, class_id, judged["likely_class_id"][position].as_py())


def tabulate_exemplars(job: Job, exemplars: Exemplars, tables: ResultTables) -> None:
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
    tables.write("exemplars", columns)


def _samples(job: Job, rows: set[int]) -> dict[int, tuple[str, int]]:
    """Read key and class of some rows from the shards that hold them."""
    found = {}
    for shard in sorted({row // job.plan.rows_per_shard for row in rows}):
        part = job.part(shard, ["row", "key", "class_id"])
        for row, key, class_id in zip(*(part[name].to_pylist() for name in part.column_names), strict=True):
            if row in rows:
                found[row] = (key, class_id)
    return found
