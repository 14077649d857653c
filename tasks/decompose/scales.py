"""Decompose each scale on its own: its products ride in the first pass, its scores in the projection."""

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.run.job import Job
from tasks.run.results import ScaleShare
from tasks.run.state import Labels, save_state
from tasks.statistics.scales import ScaleResults, ScaleSums
from tasks.svd import scales
from tasks.svd.scales import Part
from tasks.wavelet.bands import Scale


def begin_scales(job: Job, sample: Float32) -> None:
    """Write the blocks of the first pass, from a sample of rows less their mean (s, p)."""
    save_npy(job.paths.work.scale_blocks, scales.first_blocks(_parts(job), sample, job.settings.association.seed))


def share_of_scales(job: Job, rows: Float32, used: Mask, mean: Float64) -> Float64:
    """Compute the share of a shard's used rows in the products of the first pass, about a mean (p,), as one vector."""
    if job.plan.solver == "gram":  # its own share holds the Gram matrices of all scales
        return np.empty(0)
    return scales.share(_parts(job), rows, used, load_npy(job.paths.work.scale_blocks), mean)


def finish_scale_patterns(job: Job, total: Float64, rows: int, error: Float64) -> None:
    """Write the patterns of each scale from the sum of all shares of `rows` rows about the true mean less `error`."""
    work, blocks = job.paths.work, load_npy(job.paths.work.scale_blocks)
    if job.plan.solver == "gram":  # its matrix is about the true mean
        total, error = load_npy(work.gram).ravel(), np.zeros(len(error))
    patterns, images = scales.leading_patterns(
        _every(job), _parts(job), blocks, total, rank=_rank(job), rows=rows, error=error
    )
    save_npy(work.scale_patterns, patterns)
    save_npy(work.scale_images, images)


def scores_of_scales(  # noqa: PLR0913, PLR0917 - what is known of a shard
    job: Job, rows: Float32, used: Mask, mean: Float64, labels: Labels, shuffled: Int64
) -> ScaleShare:
    """Compute sums of the scores of a shard's used rows (n, p) on the patterns of all scales, and their products."""
    every, patterns = _every(job), load_npy(job.paths.work.scale_patterns)
    if not used.any():
        rows, used = rows[:0], used[:0]
    found = scales.scores(every, rows, patterns, mean)
    own = [values[used].astype(np.float64) for values in found]
    counted = [values[labels.counted[labels.fitted]] for values in own]
    labellings = np.concatenate([labels.classes[None, labels.sampled], shuffled])
    squares = np.array([np.einsum("ij,ij->j", values, values) for values in own]).reshape(len(own), patterns.shape[2])
    return ScaleShare(
        ScaleSums.of(counted, squares, labellings, job.plan.classes),
        scales.images_by_blocks(every, _parts(job), rows, used, found, mean),
    )


def finish_scales(job: Job, result: ScaleShare) -> None:
    """Save the sums of all shards, with the energy of each scale and the largest residual of its patterns."""
    if not _rank(job):
        return
    every, work = _every(job), job.paths.work
    patterns, images, energies = (load_npy(path) for path in (work.scale_patterns, work.scale_images, work.energies))
    residuals = scales.residuals(every, _parts(job), patterns, images, result.images, result.sums.squares)
    own = np.array([energies[scale.columns].sum() for family in every for scale in family])
    save_state(work.scales, ScaleResults(result.sums, own, residuals))


def _rank(job: Job) -> int:
    return job.plan.scale_rank(job.settings.association.permutations)


def _every(job: Job) -> list[list[Scale]]:
    """All scales in families; none if scales are not decomposed."""
    return job.scales if _rank(job) else []


def _parts(job: Job) -> list[Part]:
    """Parts that the patterns of scales come from; the Gram matrix of all columns serves every scale."""
    every = _every(job)
    if every and job.plan.solver == "gram":
        return [Part(0, job.plan.coefficients, None)]
    return scales.parts(every)
