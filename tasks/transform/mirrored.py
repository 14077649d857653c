"""The scores of some mirrored images, from which the search for mirrored copies learns how scores change."""

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from storage.arrays.npy import save_npz
from storage.arrays.zarr import read_array
from storage.datasets.source import Source
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.pixels.payloads import decoder
from tasks.dtypes import Float32, Float64, Int64
from tasks.run.job import Job
from tasks.run.state import load_mean, load_patterns
from tasks.run.worker import single_threaded
from tasks.statistics.mirror import SAMPLED
from tasks.statistics.neighbours import PATTERNS
from tasks.svd.products import project
from tasks.transform.images import Payload, Reading, transformed_blocks
from tasks.transform.sample import sampled_rows
from tasks.wavelet.mirrored import MirroredSpace


@single_threaded
def mirror_sample(job: Job) -> None:
    """Write the rows of a sample of the valid images, and the scores of their mirror images.

    Rows of images that can no longer be read are left out.

    Raises
    ------
    EigenwaveError
        If the source, or all images of the sample, can no longer be read.
    """
    rows = _sampled(job)
    source = open_source(job.source, job.settings.access, job.format)
    reading = Reading(decoder(source.layout, job.form))
    space = MirroredSpace(job.judging_space or job.space)
    patterns, mean = _patterns(job)
    blocks = transformed_blocks(job, reading, _payloads(job, source, rows), len(rows), [(space, None)])
    scores = np.concatenate([project(block, patterns, mean) for _, (block,), _ in blocks])
    good = ~np.isnan(scores[:, 0])
    if not good.any():
        raise EigenwaveError(
            f"None of {len(rows)} images of {job.source} can be read any more. Once they are back, the same command "
            "continues the run."
        )
    save_npz(job.paths.work.mirrored, rows=rows[good], scores=scores[good])


def _sampled(job: Job) -> Int64:
    """Rows of the sample, ascending (s,)."""
    parts = (job.part(shard, ["reason"])["reason"] for shard in range(job.plan.shards))
    valid = np.flatnonzero(np.concatenate([np.asarray(pc.is_null(part)) for part in parts]))
    return valid[sampled_rows(len(valid), SAMPLED, job.settings.association.seed)]


def _payloads(job: Job, source: Source, rows: Int64) -> Iterator[Payload]:
    """Yield the stored bytes of the images of ascending rows."""
    shards = rows // job.plan.rows_per_shard
    for shard in np.unique(shards).tolist():
        yield from source.read(job.listed(shard).take(rows[shards == shard] - job.plan.rows(shard).start))


def _patterns(job: Job) -> tuple[Float32, Float64]:
    """Leading patterns that labels are judged by, as columns (p', m), and the mean row (p',)."""
    if job.judging_space is None:
        return np.ascontiguousarray(load_patterns(job)[:, :PATTERNS]), load_mean(job)
    patterns = read_array(job.paths.judging_patterns)[:PATTERNS]
    return np.ascontiguousarray(patterns.T), read_array(job.paths.judging_mean)
