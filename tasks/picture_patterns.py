"""Patterns as images, kept with the run so that whoever reads it needs no wavelets."""

import numpy as np

from storage.arrays import ArraySpec, chunk_path, create_array, write_array, write_chunk
from tasks.begin_run import Job
from tasks.keep_state import load_mean
from tasks.products import Float32

DIMENSIONS = ("height", "width", "channel")


def picture_patterns(job: Job, patterns: Float32) -> None:
    """Write the mean and each of the patterns (k, p) as an image, an array's chunk each.

    The inverse transform is linear: an image is the mean image and its scores times the images of the patterns. In a
    space without one, pictures are maps of where coefficients rise and fall, just as linear.
    """
    mean = job.space.picture(load_mean(job).astype(np.float32)[None])[0]
    shape = mean.shape
    write_array(job.paths.mean_image, mean, DIMENSIONS)
    path = job.paths.pattern_images
    create_array(path, ArraySpec((len(patterns), *shape), (1, *shape), ("pattern", *DIMENSIONS)))
    for number, pattern in enumerate(patterns):
        write_chunk(chunk_path(path, number, 1 + len(shape)), job.space.picture(pattern[None])[0])
