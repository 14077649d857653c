"""Images whose label is probably wrong."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.runs.layout import read_layout
from storage.tables.batches import read_batch
from tasks.dtypes import Float64
from tasks.issues.found import IMPORTANCE, MOST, WRONG_LABEL, Found, most_severe
from tasks.run.job import Job

LEAST_SUSPICION = 0.95
WRONG_BEFORE = 0.01  # part of labels that is taken to be wrong before an image is looked at
COLUMNS = ["label_suspicion", "likely_class_id", "suggested_probability", "label_logarithm"]


def wrong_labels(job: Job) -> Iterator[Found]:
    """Yield the images whose `label_suspicion` is at least `LEAST_SUSPICION`, and for which another class is likelier.

    The judgement is read shard by shard, and of it only the `MOST` most suspicious images are kept.
    """
    count, kept = 0, []
    for shard in range(job.plan.shards):
        found = _suspects(job, shard)
        count += len(found)
        kept.append(found)
        if sum(map(len, kept)) > 2 * MOST:
            kept = [_first(pa.concat_tables(kept))]
    worst = _first(pa.concat_tables(kept)).combine_chunks()
    classes = read_layout(job.paths).classes
    columns = {
        "row": worst["row"],
        "severity": severity(np.asarray(worst["label_logarithm"]), len(classes)),
        "suggestion": [classes[number] for number in worst["likely_class_id"].to_pylist()],
        "suggested_class_id": worst["likely_class_id"],
        "evidence": [_sentence(row, classes) for row in worst.to_pylist()],
    }
    yield Found.of(WRONG_LABEL, count, {name: _plain(values) for name, values in columns.items()})


def severity(label_logarithm: Float64, classes: int) -> Float64:
    """Probability that labels are wrong, from the log-probability that the scores give to them (n,).

    The label is evidence too: one in a hundred is wrong, and then may be any other class (Bayes' rule). The clearest
    cases come near 1; most images that look like another class are odd ones with a right label.
    """
    own = np.exp(label_logarithm)
    wrong = (1 - own) * WRONG_BEFORE / (classes - 1)
    return IMPORTANCE[WRONG_LABEL] * wrong / (wrong + own * (1 - WRONG_BEFORE))


def _suspects(job: Job, shard: int) -> pa.Table:
    table = read_batch(job.paths.work.judgement(shard)).select(COLUMNS)
    for name, values in zip(("row", "class_id"), job.part(shard, ["row", "class_id"]).columns, strict=True):
        table = table.append_column(name, values)
    wrong = pc.greater_equal(table["label_suspicion"], LEAST_SUSPICION)  # null if the label was not judged
    return table.filter(pc.and_(wrong, pc.not_equal(table["class_id"], table["likely_class_id"])))


def _first(found: pa.Table) -> pa.Table:
    """The most suspicious images, in order; the logarithm still tells suspicions apart that are rounded to 1."""
    order = most_severe(-np.asarray(found["label_logarithm"]), np.asarray(found["row"]))
    return found.take(pa.array(order))


def _sentence(row: dict[str, float], classes: Sequence[str]) -> str:
    likely, own = classes[int(row["likely_class_id"])], classes[int(row["class_id"])]
    return (
        f"By all other images it is {likely} with probability {row['suggested_probability']:.2g}, and {own}, its "
        f"label, with {np.exp(row['label_logarithm']):.2g}."
    )


def _plain(values: object) -> object:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
