"""Compute the scores of images, the residuals of the patterns, and other results that need the coefficients."""

import numpy as np

from storage.arrays.zarr import chunk_path, write_chunk
from storage.errors import EigenwaveError
from tasks.dtypes import Float32, Float64
from tasks.run.job import Job
from tasks.run.results import Energy, Projected, Projection, require_all
from tasks.run.state import (
    Labels,
    load_labels,
    load_mean,
    load_patterns,
    load_shard,
    load_shuffled,
    passes_done,
    read_totals,
    require_finite,
    save_state,
)
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.svd.products import centred, combine, project
from tasks.wavelet.space import mean_colours


@single_threaded
def project_shard(job: Job, shard: int) -> Projection:
    """Write a shard's scores, NaN where an image was rejected, and return sums.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged, or the disk refuses the write.
    """
    rows, mean = centred(load_shard(job, shard), load_mean(job))
    patterns, labels = load_patterns(job), load_labels(job, shard)
    chunk = np.full((job.plan.rows_per_shard, patterns.shape[1]), np.nan, np.float32)
    scores = chunk[: len(rows)]
    scores[:] = project(rows, patterns, mean)
    used, held_out = np.zeros((2, len(rows)), np.bool_)
    used[labels.valid] = labels.fitted
    held_out[labels.valid] = labels.held_out
    product = combine(rows, used, scores[used], mean)
    require_finite(scores[np.asarray(job.part(shard, ["reason"])["reason"].is_null())], job, shard)
    write_chunk(chunk_path(job.paths.scores, shard), chunk)
    return Projection(
        shards=1,
        squares=(scores[used].astype(np.float64) ** 2).sum(axis=0),
        product=product,
        colours=_colour_sums(job, shard, rows, labels),
        held_out=Energy.of(rows, held_out, scores, mean),
    )


def _colour_sums(job: Job, shard: int, rows: Float32, labels: Labels) -> ClassSums:
    sampled = labels.valid.copy()
    sampled[labels.valid] = labels.sampled
    shuffled = load_shuffled(job, shard, labels)[:, labels.sampled]
    colours = mean_colours(rows, sampled, job.space)
    return ClassSums.of(colours, labels.classes[labels.sampled], shuffled, job.plan.classes)


@single_threaded
def finish_projection(job: Job, result: Projection) -> None:
    """Check the residuals of the patterns, and save the merged sums of all shards.

    Raises
    ------
    EigenwaveError
        If shards are missing, a residual is above the tolerance, or the patterns hold less energy than requested.
    """
    require_all(result.shards, job.plan.shards, "projected")
    residuals = _residuals(job, result)
    _require_exact(job, residuals, float(result.squares.sum()) / read_totals(job).energy)
    save_state(job.paths.work.projection, Projected(residuals, result.squares, result.colours, result.held_out))


def _residuals(job: Job, result: Projection) -> Float64:
    """Norm of G v - s^2 v over s^2, for each pattern v with squared singular value s^2."""
    patterns = load_patterns(job).astype(np.float64)
    residuals: Float64 = np.linalg.norm(result.product - patterns * result.squares, axis=0) / result.squares
    return residuals


def _require_exact(job: Job, residuals: Float64, energy: float) -> None:
    wanted, worst = job.settings.decomposition, int(residuals.argmax())
    if residuals[worst] > wanted.tolerance:
        if job.plan.solver == "krylov":
            advice = f"raise --passes above {passes_done(job)}, or --tolerance"
        else:
            advice = "it is too weak for float32: lower --rank, or raise --tolerance"
        raise EigenwaveError(
            f"Pattern {worst} is not exact: its residual is {residuals[worst]:.2g}, but --tolerance allows "
            f"{wanted.tolerance:.2g}; {advice}."
        )
    if wanted.energy is not None and energy < wanted.energy * (1 - wanted.tolerance):
        raise EigenwaveError(
            f"The patterns above the rounding error hold {energy:.6f} of the energy; set --energy below that."
        )
