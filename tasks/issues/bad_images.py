"""Images that stand out by their quality: dark, flat, blurred and others."""

from collections.abc import Iterator

import pyarrow.compute as pc

from storage.tables.parquet import read_table
from tasks.issues.found import IMPORTANCE_OF_QUALITY, Found
from tasks.run.job import Job

SUGGESTION = "drop"


def bad_images(job: Job) -> Iterator[Found]:
    """Yield the images of the table `quality` by their kinds, with the counts of `quality_classes`."""
    quality, counted = (read_table(job.paths.table(name)) for name in ("quality", "quality_classes"))
    for kind in pc.unique(counted["kind"]).to_pylist():
        mine = quality.filter(pc.equal(quality["kind"].cast("string"), kind))
        count = pc.sum(counted["count"].filter(pc.equal(counted["kind"].cast("string"), kind))).as_py()
        columns = {
            "row": mine["row"].to_numpy(),
            "severity": pc.multiply(mine["severity"], IMPORTANCE_OF_QUALITY).to_numpy(),
            "suggestion": [SUGGESTION] * len(mine),
            "evidence": mine["evidence"].to_pylist(),
        }
        yield Found.of(kind, count, columns)
