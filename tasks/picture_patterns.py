"""Patterns as images, kept with the run so that whoever reads it needs no wavelets."""

import numpy as np

from storage.arrays import ArraySpec, chunk_path, create_array, write_array, write_chunk
from tasks.begin_run import Job
from tasks.keep_state import load_mean
from tasks.products import Float32

DIMENSIONS = ("height", "width", "channel")


def picture_patterns(job: Job, patterns: Float32) -> None:
    """Write the mean and each of the patterns (k, p) as an image, an array's chunk each.

    The inverse transform is linear: an image is the mean image and its scores times the images of the patterns.
    """
    shape = (job.plan.height, job.plan.width, job.plan.channels)
    write_array(job.paths.mean_image, _image(job, load_mean(job).astype(np.float32)), DIMENSIONS)
    path = job.paths.pattern_images
    create_array(path, ArraySpec((len(patterns), *shape), (1, *shape), ("pattern", *DIMENSIONS)))
    for number, pattern in enumerate(patterns):
        write_chunk(chunk_path(path, number, 1 + len(shape)), _image(job, pattern))


def _image(job: Job, coefficients: Float32) -> Float32:
    image: Float32 = job.transform.inverse(coefficients[None])[0]
    return image
