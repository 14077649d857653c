"""Project images on patterns, in one read of the coefficients: scores, residuals, and all else that needs them."""

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from storage.arrays.zarr import chunk_path, write_chunk
from storage.errors import EigenwaveError
from tasks.decompose.passes import open_solver
from tasks.decompose.patterns import write_patterns
from tasks.decompose.scales import finish_scales, scores_of_scales
from tasks.dtypes import Float32, Float64, Int64
from tasks.run.job import Job
from tasks.run.results import Energy, Projected, Projection, require_all
from tasks.run.state import (
    Labels,
    load_labels,
    load_mean,
    load_shard,
    load_shuffled,
    passes_done,
    read_totals,
    require_finite,
    save_state,
)
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.svd.products import centred, combine, energies, project
from tasks.wavelet.space import mean_colours


@single_threaded
def project_shard(job: Job, number: int, shard: int) -> Projection:
    """Write a shard's scores in projection `number`, NaN where an image was rejected, and return sums.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged, or the disk refuses the write.
    """
    rows, mean = centred(load_shard(job, shard), load_mean(job))
    labels, patterns, block = load_labels(job, shard), *_multiplied(job, number)
    chunk = np.full((job.plan.rows_per_shard, patterns.shape[1]), np.nan, np.float32)
    scores = chunk[: len(rows)]
    # A product by itself, so that a comparison that projects images on these patterns finds the same scores to the bit.
    scores[:] = project(rows, patterns, mean)
    weights = scores if block is None else project(rows, block, mean)
    used, held_out = np.zeros((2, len(rows)), np.bool_)
    used[labels.valid] = labels.fitted
    held_out[labels.valid] = labels.held_out
    require_finite(scores[np.asarray(job.part(shard, ["reason"])["reason"].is_null())], job, shard)
    write_chunk(chunk_path(job.paths.scores, shard), chunk)
    save_npy(job.paths.work.energy(shard), _energy(rows, mean, scores))
    shuffled = load_shuffled(job, shard, labels)[:, labels.sampled]
    return Projection(
        shards=1,
        squares=(scores[used].astype(np.float64) ** 2).sum(axis=0),
        product=combine(rows, used, weights[used], mean),
        colours=_colour_sums(job, rows, labels, shuffled),
        held_out=Energy.of(rows, held_out, scores, mean),
        scales=scores_of_scales(job, rows, used, mean, labels, shuffled),
    )


def _energy(rows: Float32, mean: Float64, scores: Float32) -> Float32:
    """Energy of each row (n, p) about the mean, and the part of it that patterns leave unexplained (n, 2)."""
    total = energies(rows, mean)
    return np.stack([total, np.maximum(total - np.einsum("ij,ij->i", scores, scores), 0)], axis=1)


def _multiplied(job: Job, number: int) -> tuple[Float32, Float32 | None]:
    """Patterns (p, k) and block (p, l) of a projection; only krylov has a block."""
    patterns, block = job.paths.work.patterns(number), job.paths.work.block(number)
    return load_npy(patterns), load_npy(block) if job.plan.solver == "krylov" else None


def _colour_sums(job: Job, rows: Float32, labels: Labels, shuffled: Int64) -> ClassSums:
    sampled = labels.valid.copy()
    sampled[labels.valid] = labels.sampled
    colours = mean_colours(rows, sampled, job.space)
    return ClassSums.of(colours, labels.classes[labels.sampled], shuffled, job.plan.classes)


@single_threaded
def finish_projection(job: Job, number: int, result: Projection) -> bool:
    """Return whether the patterns are exact. Then write them, and save the merged sums of all shards.

    If they are not, and more passes are allowed, the projection was another pass, from which better patterns follow.

    Raises
    ------
    EigenwaveError
        If shards are missing, or if no pass is left and a residual is above the tolerance or the patterns hold less
        energy than requested.
    """
    require_all(result.shards, job.plan.shards, "projected")
    patterns = load_npy(job.paths.work.patterns(number))
    images = open_solver(job).images_of(patterns, number, result.product)
    # Norm of G v - s^2 v over s^2, for each pattern v with squared singular value s^2.
    residuals = np.linalg.norm(images - patterns * result.squares, axis=0) / result.squares
    fault = _fault(job, residuals, float(result.squares.sum()) / read_totals(job).energy)
    if result.product.shape[1] and _goes_on(job, number, exact=fault is None):
        save_npy(job.paths.work.product(number), result.product)
        return False
    if fault:
        raise EigenwaveError(fault)
    write_patterns(job, patterns)
    finish_scales(job, result.scales)
    save_state(job.paths.work.projection, Projected(residuals, result.squares, result.colours, result.held_out))
    return True


def _goes_on(job: Job, number: int, *, exact: bool) -> bool:
    """Whether projection `number` is followed by another one, if it multiplied anything that is new."""
    if job.plan.solver != "krylov" or number >= job.plan.passes:
        return False
    return not exact or job.settings.decomposition.fixed_passes is not None


def _fault(job: Job, residuals: Float64, energy: float) -> str | None:
    """Return a sentence if a residual is above the tolerance, or the patterns hold too little energy, or None."""
    wanted, worst = job.settings.decomposition, int(residuals.argmax())
    krylov, passes = job.plan.solver == "krylov", passes_done(job)
    if wanted.energy is not None and energy < wanted.energy * (1 - wanted.tolerance):
        if krylov and len(residuals) < job.plan.coefficients:
            return (
                f"{passes} passes did not reach {wanted.energy} of the energy; raise --passes, lower --energy, or set "
                "--solver gram."
            )
        return f"The patterns above the rounding error hold {energy:.6f} of the energy; set --energy below that."
    if residuals[worst] > wanted.tolerance:
        if krylov:
            advice = f"raise --passes above {passes}, or --tolerance"
        else:
            advice = "it is too weak for float32: lower --rank, or raise --tolerance"
        return (
            f"Pattern {worst} is not exact: its residual is {residuals[worst]:.2g}, but --tolerance allows "
            f"{wanted.tolerance:.2g}; {advice}."
        )
    return None
