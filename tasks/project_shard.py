"""Scores of one shard's images, and its share of everything that is computed from scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from storage.arrays import chunk_path, write_chunk
from tasks.association import ClassSums
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.keep_state import load_mean, load_patterns, load_shard, require_finite
from tasks.products import Float64, combine, project
from tasks.relabelling import shuffled_labels


@dataclass(frozen=True)
class Projection:
    """What projecting takes from shards.

    Attributes
    ----------
    shards
        How many.
    sums
        Sums over the scores of the fitted images.
    product
        Share of G V (p, k), V the patterns: it shows how exact they are.
    """

    shards: int
    sums: ClassSums
    product: Float64

    def __add__(self, other: Self) -> Self:
        """Both sets of shards together."""
        return type(self)(self.shards + other.shards, self.sums + other.sums, self.product + other.product)


@single_threaded
def project_shard(job: Job, shard: int) -> Projection:
    """Write a shard's scores, NaN where an image was rejected, and sum them up.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged, or the disk refuses the write.
    """
    rows = load_shard(job, shard)
    patterns, mean = load_patterns(job), load_mean(job)
    part = job.part(shard, ["class_id", "sample_id", "reason"])
    used = job.used(shard)
    valid = np.asarray(part["reason"].is_null())
    scores = np.full((job.plan.rows_per_shard, patterns.shape[1]), np.nan, np.float32)
    scores[: len(rows)] = project(rows, patterns, mean)
    fitted = scores[: len(rows)][used]
    product = combine(rows, used, fitted, mean)
    require_finite(scores[: len(rows)][valid], job, shard)
    write_chunk(chunk_path(job.paths.scores, shard), scores)
    borders = np.load(job.paths.thresholds)
    ids = np.asarray(part["sample_id"])[used]
    sums = ClassSums.of(
        fitted,
        np.asarray(part["class_id"])[used],
        shuffled_labels(ids, borders, job.settings.seed),
        job.plan.classes,
    )
    return Projection(1, sums, product)
