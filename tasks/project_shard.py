"""Scores of one shard's images, how exact the patterns are, and what else can only be had from the coefficients."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from storage.arrays import chunk_path, load_array, write_chunk
from tasks.association import ClassSums
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.colours import mean_colours
from tasks.keep_state import Labels, load_labels, load_mean, load_patterns, load_shard, require_finite
from tasks.products import Float32, Float64, Mask, Moments, combine, project
from tasks.relabelling import shuffled_labels
from tasks.scatter import HELD_OUT
from tasks.sums import Sums


@dataclass(frozen=True)
class Energy(Sums):
    """How much of images patterns hold: how many images, their energy about the mean, sum of squared scores (k,)."""

    images: int
    total: float
    squares: Float64

    @classmethod
    def of(cls, rows: Float32, used: Mask, scores: Float32, mean: Float64) -> Self:
        """Energy of the used rows (n, p), with scores (n, k) and the mean row (p,)."""
        moments = Moments.of(rows, used)
        total = moments.square_sum - 2 * float(moments.column_sum @ mean) + moments.rows * float(mean @ mean)
        return cls(moments.rows, total, (scores[used].astype(np.float64) ** 2).sum(axis=0))


def psnr(energy: Energy, pixels: int) -> Float64:
    """Peak signal-to-noise ratio in dB of images rebuilt from the patterns up to each (k,).

    For images of so many pixel values in [0, 1], and coefficients that have their energy; NaN without images, and where
    nothing is left to measure.
    """
    left = energy.total - np.cumsum(energy.squares)
    left[left <= np.finfo(np.float32).eps * energy.total] = np.nan
    result: Float64 = -10 * np.log10(left / (energy.images * pixels)) if energy.images else np.full_like(left, np.nan)
    return result


@dataclass(frozen=True)
class Projection(Sums):
    """What projecting takes from shards.

    Attributes
    ----------
    shards
        How many.
    squares
        Sum of squared scores of the fitted images (k,).
    product
        Share of G V (p, k), V the patterns: it shows how exact they are.
    colours
        Sums over the mean colours of the fitted images.
    held_out
        Energy of the images that are held out.
    """

    shards: int
    squares: Float64
    product: Float64
    colours: ClassSums
    held_out: Energy


@dataclass(frozen=True)
class Projected:
    """What is kept of the projections of all shards: `residuals` of the patterns (k,), the rest as there."""

    residuals: Float64
    squares: Float64
    colours: ClassSums
    held_out: Energy


@single_threaded
def project_shard(job: Job, shard: int) -> Projection:
    """Write a shard's scores, NaN where an image was rejected, and sum up.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged, or the disk refuses the write.
    """
    rows = load_shard(job, shard)
    patterns, mean, labels = load_patterns(job), load_mean(job), load_labels(job, shard)
    chunk = np.full((job.plan.rows_per_shard, patterns.shape[1]), np.nan, np.float32)
    scores = chunk[: len(rows)]
    scores[:] = project(rows, patterns, mean)
    used, held_out = np.zeros((2, len(rows)), np.bool_)
    used[labels.valid] = labels.fitted
    held_out[labels.valid] = labels.part == HELD_OUT
    product = combine(rows, used, scores[used], mean)
    require_finite(scores[labels.valid], job, shard)
    write_chunk(chunk_path(job.paths.scores, shard), chunk)
    return Projection(
        shards=1,
        squares=(scores[used].astype(np.float64) ** 2).sum(axis=0),
        product=product,
        colours=_colour_sums(job, mean_colours(rows, used, job.space), labels),
        held_out=Energy.of(rows, held_out, scores, mean),
    )


def _colour_sums(job: Job, colours: Float64, labels: Labels) -> ClassSums:
    shuffled = shuffled_labels(labels.ids[labels.fitted], load_array(job.paths.thresholds), job.settings.seed)
    return ClassSums.of(colours, labels.classes[labels.fitted], shuffled, job.plan.classes)
