"""Images that a run set aside, because they cannot be used."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from storage.tables.schemas import REMOVED
from tasks.issues.found import IMPORTANCE, MOST, UNREADABLE, Found
from tasks.run.job import Job

COLUMNS = ["row", "class_id", "reason", "detail"]


def unreadable(job: Job) -> Iterator[Found]:
    """Yield the rejected images, with the reason."""
    count, kept = 0, 0
    pieces = []
    for shard in range(job.plan.shards):
        part = job.part(shard, COLUMNS)
        bad = pc.and_(pc.is_valid(part["reason"]), pc.not_equal(part["class_id"], REMOVED))
        found = part.filter(bad)
        count += len(found)
        pieces.append(found.slice(0, MOST - kept))
        kept += len(pieces[-1])
    rejects = pa.concat_tables(pieces).combine_chunks()
    columns = {
        "row": rejects["row"].to_numpy(),
        "severity": [IMPORTANCE[UNREADABLE]] * kept,
        "suggestion": ["drop"] * kept,
        "evidence": [f"It cannot be used ({row['reason']}): {row['detail']}." for row in rejects.to_pylist()],
    }
    yield Found.of(UNREADABLE, count, columns)
