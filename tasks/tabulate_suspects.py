"""The table of the images whose label fits worst."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from storage.batches import read_batch
from storage.tables import TABLES, write_table
from tasks.begin_run import Job
from tasks.keep_state import read_totals

KEPT = 100


class Suspect(NamedTuple):
    """An image for which another class is likelier than its label; ordered from the clearest case on."""

    belief: float  # the suspicion, negative
    row: int
    key: str
    class_id: int
    likely_class_id: int


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
    metadata = {"run_id": job.run_id, "dataset_digest": read_totals(job).dataset_digest}
    write_table(job.paths.table("suspects"), TABLES["suspects"], columns, metadata)


def _suspects(job: Job, shard: int) -> Iterator[Suspect]:
    judged = read_batch(job.paths.judgement(shard))
    suspicion = judged["label_suspicion"].to_numpy()
    if not (suspicion > 0).any():
        return
    part = job.part(shard, ["row", "key", "class_id"])
    for position in np.argsort(-suspicion, kind="stable")[: min(KEPT, int((suspicion > 0).sum()))].tolist():
        row, key, class_id = (part[name][position].as_py() for name in part.column_names)
        yield Suspect(-suspicion[position], row, key, class_id, judged["likely_class_id"][position].as_py())
