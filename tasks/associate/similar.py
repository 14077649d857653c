"""Find the image that a suspect resembles: the nearest one with the suggested label, which is judged right."""

import numpy as np
import pyarrow.compute as pc

from storage.tables.batches import read_batch
from tasks.dtypes import Float64, Int64
from tasks.run.job import Job
from tasks.run.results import Judges
from tasks.run.state import load_judging_scores, load_state
from tasks.run.worker import single_threaded
from tasks.statistics.neighbours import PATTERNS, scales_of


@single_threaded
def similar_rows(job: Job, own: Int64, suggested: Int64) -> Int64:
    """Return the row of the image that each suspect (m,) resembles, -1 if there is none.

    Distances are those that near-duplicates are found with, but scaled by the labelled images. One pass over the
    scores that labels are judged by.

    Parameters
    ----------
    job
        The run.
    own
        Row of each suspect (m,).
    suggested
        Number of the class that each is taken for (m,).

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged.
    """
    # Images without a label, which the search for near-duplicates compares too, do not decide what a suspect resembles.
    scales = scales_of(load_state(job.paths.work.judges, Judges).deviations[:PATTERNS])
    wanted = _scores_of(job, own, len(scales)) * scales
    rows, distances = np.full(len(own), -1), np.full(len(own), np.inf)
    asking = {class_id: np.flatnonzero(suggested == class_id) for class_id in np.unique(suggested).tolist()}
    for shard in range(job.plan.shards):
        right = _right(job, shard)
        scores = load_judging_scores(job, shard)[:, :PATTERNS] * scales
        for class_id, places in asking.items():
            there = np.flatnonzero(right == class_id)
            if len(there):
                nearest, found = _nearest(wanted[places], scores[there])
                closer = found < distances[places]
                rows[places[closer]] = job.plan.rows(shard).start + there[nearest[closer]]
                distances[places[closer]] = found[closer]
    return rows


def _scores_of(job: Job, rows: Int64, patterns: int) -> Float64:
    """Scores on the leading patterns of some rows (m, k)."""
    shards, found = rows // job.plan.rows_per_shard, np.empty((len(rows), patterns))
    for shard in np.unique(shards).tolist():
        mine = shards == shard
        found[mine] = load_judging_scores(job, shard)[rows[mine] - job.plan.rows(shard).start, :PATTERNS]
    return found


def _right(job: Job, shard: int) -> Int64:
    """Class of each image of a shard (n,), -1 unless it was judged and no other class is likelier."""
    judged = read_batch(job.paths.work.judgement(shard))["likely_class_id"]
    labels = np.asarray(job.part(shard, ["class_id"])["class_id"], np.int64)
    return np.where(np.asarray(pc.fill_null(judged, -1)) == labels, labels, -1)


def _nearest(queries: Float64, scores: Float64) -> tuple[Int64, Float64]:
    """Place of the nearest of some images with scores (n, k) to each query (m, k), and its squared distance (m,)."""
    products = (scores**2).sum(axis=1) - 2 * queries @ scores.T
    nearest = products.argmin(axis=1)
    return nearest, ((scores[nearest] - queries) ** 2).sum(axis=1)
