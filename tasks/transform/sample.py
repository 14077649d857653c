"""A sample of the fitted images, transformed before all others: the first pass is taken about its mean and from it."""

import numpy as np
import pyarrow as pa

from storage.formats.open import open_source
from storage.pixels.payloads import decoder
from tasks.dtypes import Float32, Int64
from tasks.run.job import Job, fitted
from tasks.transform.images import Reading, Space, transformed_blocks

SPOTS = 256  # places in the order of rows; archives and tables are read at each of them


def sampled_coefficients(job: Job) -> tuple[Float32, Float32]:
    """Read, decode and transform a sample of the fitted images, without those that cannot be used.

    Returns
    -------
    tuple
        Coefficients (s, p), and those that labels are judged by (s, p'); without columns if they have no own space.
    """
    source = open_source(job.source, job.settings.access, job.format)
    samples = _sampled(job)
    decode = decoder(source.layout, job.form)
    rows = np.empty((len(samples), job.plan.coefficients), np.float32)
    judging = np.empty((len(samples), job.plan.judging_coefficients), np.float32)
    outs: list[tuple[Space, Float32 | None]] = [(job.space, rows)]
    if job.judging_space:
        outs.append((job.judging_space, judging))
    for _ in transformed_blocks(job, Reading(decode), source.read(samples), len(samples), outs):
        pass
    good = ~np.isnan(rows[:, 0])
    return (rows, judging) if good.all() else (rows[good], judging[good])


def sampled_rows(rows: int, size: int, seed: int) -> Int64:
    """Numbers of about `size` out of `rows` rows, in order: a run of adjacent rows at a random place of each stretch.

    Rows are often ordered by class, and files hold adjacent rows. So all stretches are alike in length, and runs are
    short.
    """
    spots = min(SPOTS, size)
    borders = np.linspace(0, rows, spots + 1).astype(np.int64)
    length = np.minimum(-(-size // spots), np.diff(borders))
    room = np.diff(borders) - length + 1
    starts = borders[:-1] + np.random.Generator(np.random.Philox(key=[seed, rows])).integers(0, room)
    return np.concatenate([start + np.arange(count) for start, count in zip(starts, length, strict=True)])


def _sampled(job: Job) -> pa.Table:
    """Listed samples of the fitted images that are sampled; other images do not change which these are."""
    plan, start, some = job.plan, 0, []
    positions = sampled_rows(plan.fitted, plan.sample, job.settings.association.seed)
    for shard in plan.fitted_shards:
        listed = job.listed(shard)
        own = listed.filter(fitted(listed, job.fitted_split))
        here = positions[(positions >= start) & (positions < start + len(own))]
        some.append(own.take(here - start))
        start += len(own)
    return pa.concat_tables(some)
