"""Compute the patterns from the passes so far, prepare the projection of images onto them, and write the final ones."""

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from storage.arrays.zarr import ArraySpec, array_shape, chunk_path, create_array, write_array, write_chunk
from tasks.decompose.passes import open_solver
from tasks.dtypes import Float32, Int64, UInt64
from tasks.run.job import Job
from tasks.run.state import load_labels, load_mean, load_patterns, passes_done
from tasks.run.worker import single_threaded
from tasks.statistics.relabelling import thresholds


@single_threaded
def begin_projection(job: Job) -> int:
    """Prepare the next projection of images on patterns, and return its number, that of a pass.

    The patterns, the block to multiply and the thresholds of shuffled labels are saved, and the array of scores is
    created.
    """
    number, work = passes_done(job), job.paths.work
    if not work.patterns(number).exists():
        solver = open_solver(job)
        patterns = load_patterns(job) if patterns_are_there(job) else np.ascontiguousarray(solver.patterns().T)
        if (block := solver.further_block(patterns)) is not None:
            save_npy(work.block(number), block)
        save_npy(work.patterns(number), patterns)
    rank = load_npy(work.patterns(number)).shape[1]
    rows = job.plan.rows_per_shard
    create_array(job.paths.scores, ArraySpec((job.plan.row_count, rank), (rows, rank), ("image", "pattern")))
    units, labels = _sampled(job)
    sizes = np.bincount(labels, minlength=job.plan.classes)
    borders = thresholds(units, sizes, job.settings.association.seed, job.settings.association.permutations)
    save_npy(work.thresholds, borders)
    return number


def patterns_are_there(job: Job) -> bool:
    """Whether the final patterns were written, so that no pass is needed."""
    return chunk_path(job.paths.patterns, 0).exists()


def write_patterns(job: Job, patterns: Float32) -> None:
    """Write the final patterns (p, k) and, if rows come from images, their pictures."""
    rows = np.ascontiguousarray(patterns.T)
    if job.space.pictured:
        picture_patterns(job, rows)
    write_array(job.paths.patterns, rows, ("pattern", "coefficient"))


def missing_patterns(job: Job) -> str | None:
    """Return a sentence if fewer patterns than planned stand out from rounding, or None."""
    found = array_shape(job.paths.patterns)[0][0]
    if job.settings.decomposition.energy is not None or found >= job.plan.rank:
        return None
    patterns = "1 pattern stands" if found == 1 else f"{found} patterns stand"
    return f"Only {patterns} out from rounding, of {job.plan.rank} planned: the images differ in no other way."


def _sampled(job: Job) -> tuple[UInt64, Int64]:
    """Return units and class labels of the fitted images that count."""
    found = [load_labels(job, shard) for shard in job.plan.fitted_shards]
    units = np.concatenate([labels.units[labels.sampled] for labels in found])
    return units, np.concatenate([labels.classes[labels.sampled] for labels in found])


def picture_patterns(job: Job, patterns: Float32) -> None:
    """Write the mean and each of the patterns (k, p) as an image, one chunk each.

    The inverse transform is linear: an image is the mean image plus its scores times the images of the patterns. In a
    space without an inverse, pictures are maps of where coefficients rise and fall, and linear too.
    """
    mean = job.space.picture(load_mean(job).astype(np.float32)[None])[0]
    shape = mean.shape
    # `channel` is a coordinate of coefficients, so in a group with them no dimension may have that name.
    dimensions = ("height", "width", "color" if job.paths.grouped else "channel")
    write_array(job.paths.mean_image, mean, dimensions)
    path = job.paths.pattern_images
    create_array(path, ArraySpec((len(patterns), *shape), (1, *shape), ("pattern", *dimensions)))
    for number, pattern in enumerate(patterns):
        write_chunk(chunk_path(path, number, 1 + len(shape)), job.space.picture(pattern[None])[0])
