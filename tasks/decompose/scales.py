"""Decompose each scale on its own, in passes over the shards. The work folder holds the state between passes."""

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from tasks.dtypes import Float32, Float64
from tasks.run.job import Job
from tasks.run.results import require_all
from tasks.run.state import load_labels, load_mean, load_shard, load_shuffled, read_totals, require_finite, save_state
from tasks.run.worker import single_threaded
from tasks.statistics.scales import ScaleSums, scale_scores
from tasks.svd.krylov import eigenpairs, with_fixed_signs
from tasks.svd.products import centred
from tasks.svd.scales import NEGLIGIBLE, OVERSAMPLE, PASSES, first_blocks, leading_patterns, next_blocks, share


@single_threaded
def begin_scales(job: Job) -> None:
    """Write the blocks of the first pass, or the patterns if there is a Gram matrix, which contains each scale's."""
    work = job.paths.work
    if work.scale_basis(0).exists() or work.scale_patterns.exists():
        return
    if work.gram.exists():
        save_npy(work.scale_patterns, _from_gram(job))
        return
    width = job.plan.scale_rank(job.settings.association.permutations) + OVERSAMPLE
    seed = job.settings.association.seed
    save_npy(work.scale_basis(0), first_blocks(job.scales, job.plan.coefficients, width, seed))


def next_scale_pass(job: Job) -> int | None:
    """Return the first pass without a product, or None if the patterns exist."""
    if job.paths.work.scale_patterns.exists():
        return None
    return next(number for number in range(PASSES) if not job.paths.work.scale_product(number).exists())


@single_threaded
def share_of_scales(job: Job, number: int, shard: int) -> Float64:
    """Compute the shard's share of the products of a pass.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged.
    """
    rows, mean = centred(load_shard(job, shard), load_mean(job))
    product = share(job.scales, rows, job.used(shard), load_npy(job.paths.work.scale_basis(number)), mean)
    require_finite(product, job, shard)
    return product


@single_threaded
def finish_scale_pass(job: Job, number: int, total: Float64) -> None:
    """Write the blocks of the next pass, or the patterns after the last pass; write the product last."""
    work, earlier = job.paths.work, range(number + 1)
    blocks = [load_npy(work.scale_basis(pass_number)) for pass_number in earlier]
    if number + 1 < PASSES:
        save_npy(work.scale_basis(number + 1), next_blocks(job.scales, blocks, total))
    else:
        products = [*(load_npy(work.scale_product(pass_number)) for pass_number in earlier[:-1]), total]
        rank, energy = job.plan.scale_rank(job.settings.association.permutations), read_totals(job).energy
        save_npy(work.scale_patterns, leading_patterns(job.scales, blocks, products, rank, energy))
    save_npy(work.scale_product(number), total)


@single_threaded
def score_scales(job: Job, shard: int) -> ScaleSums:
    """Compute sums of the shard's scores on the patterns of all scales.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged.
    """
    rows, mean = centred(load_shard(job, shard), load_mean(job))
    used, labels = job.used(shard), load_labels(job, shard)
    labellings = np.concatenate([labels.classes[None], load_shuffled(job, shard, labels)])
    patterns = load_npy(job.paths.work.scale_patterns)
    scores, energy = scale_scores(job.scales, rows, used, patterns, mean)
    counted = [values[labels.counted[labels.fitted]] for values in scores]
    sums = ScaleSums.of(counted, energy, labellings[:, labels.sampled], job.plan.classes)
    require_finite(sums.cross, job, shard)
    return sums


def finish_scales(job: Job, result: ScaleSums) -> None:
    """Save the sums of all shards.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    require_all(result.shards, len(job.plan.fitted_shards), "scored on scales")
    save_state(job.paths.work.scales, result)


def _from_gram(job: Job) -> Float32:
    """Compute the patterns of each scale from principal submatrices of the Gram matrix of all columns."""
    gram, rank = load_npy(job.paths.work.gram), job.plan.scale_rank(job.settings.association.permutations)
    patterns = np.zeros((len(job.scales), len(gram), rank), np.float32)
    for number, family in enumerate(job.scales):
        for scale in family:
            own = np.ascontiguousarray(gram[scale.columns, scale.columns])
            if np.trace(own) > NEGLIGIBLE * np.trace(gram):
                _, vectors = eigenpairs(own, min(rank, len(own)), None, job.settings.association.seed)
                patterns[number, scale.columns, : len(vectors)] = with_fixed_signs(np.ascontiguousarray(vectors)).T
    return patterns
