"""The scores that labels are judged by, on patterns of a sample of images in a space of their own."""

import numpy as np

from storage.arrays.zarr import ArraySpec, chunk_path, create_array, read_array, write_array, write_chunk
from tasks.dtypes import Float32
from tasks.run.job import Job
from tasks.svd.krylov import principal_axes
from tasks.svd.products import project


def begin_judging(job: Job, sample: Float32) -> None:
    """Write the mean and the leading patterns of a sample (s, p'), and the array of scores without chunks.

    On 50,000 photographs, patterns of a sample of 4,096 find wrong labels as well as those of all images do. So scores
    need no further read: they are computed while images are transformed.
    """
    plan, paths = job.plan, job.paths
    mean = sample.mean(axis=0, dtype=np.float64) if len(sample) else np.zeros(plan.judging_coefficients)
    patterns = principal_axes(sample - mean.astype(np.float32), plan.judging_rank, job.settings.association.seed)
    write_array(paths.judging_mean, mean, ("judging_coefficient",))
    write_array(paths.judging_patterns, np.ascontiguousarray(patterns.T), ("judging_pattern", "judging_coefficient"))
    shape = (plan.row_count, plan.judging_rank), (plan.rows_per_shard, plan.judging_rank)
    create_array(paths.judging_scores, ArraySpec(*shape, ("image", "judging_pattern")))


def write_judging_scores(job: Job, shard: int, rows: Float32) -> None:
    """Write the scores of a shard's rows (n, p'); NaN where an image was rejected."""
    patterns, mean = read_array(job.paths.judging_patterns), read_array(job.paths.judging_mean)
    chunk = np.full((job.plan.rows_per_shard, job.plan.judging_rank), np.nan, np.float32)
    chunk[: len(rows)] = project(rows, np.ascontiguousarray(patterns.T), mean)
    write_chunk(chunk_path(job.paths.judging_scores, shard), chunk)
