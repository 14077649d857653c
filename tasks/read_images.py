"""From keys to wavelet coefficients, a block of images at a time."""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from storage.errors import BadImageError, EigenwaveError
from storage.images import pixels
from storage.jpeg import decode_jpeg
from storage.shards import Reject
from storage.source import Source
from tasks.begin_run import Job
from tasks.products import Float32
from tasks.solver import FLOAT32
from tasks.wavelet import to_unit_range

BLOCK_BYTES = 4 * 2**20  # of decoded images: little memory, and their transform stays in the cache
UNREADABLE = bytes(32)  # stands for the digest of an image whose bytes cannot be read


def digest_of(source: Source, key: str) -> bytes:
    """SHA-256 of the stored bytes of an image."""
    try:
        return hashlib.sha256(source.read(key)).digest()
    except BadImageError:
        return UNREADABLE


def transformed_blocks(
    job: Job, source: Source, keys: Sequence[str], digests: Sequence[bytes]
) -> Iterator[tuple[range, Float32, list[Reject]]]:
    """Decode and transform images in order.

    Yields
    ------
    tuple
        Positions in `keys`, the coefficients of those images (n, p), and the bad ones among them: their rows are NaN.

    Raises
    ------
    EigenwaveError
        If the bytes of an image are not those that its digest was made from.
    """
    shape = (job.plan.height, job.plan.width, job.plan.channels)
    step = max(1, BLOCK_BYTES // (FLOAT32 * math.prod(shape)))
    for start in range(0, len(keys), step):
        positions = range(start, min(start + step, len(keys)))
        # Each channel on its own in memory, as the transform wants it.
        images = np.moveaxis(np.empty((len(positions), shape[2], *shape[:2]), np.float32), 1, 3)
        rejects: list[Reject] = []
        for image, position in zip(images, positions, strict=True):
            try:
                payload = source.read(keys[position])
                if hashlib.sha256(payload).digest() != digests[position]:
                    raise EigenwaveError(
                        f"The image {keys[position]} of {job.source} changed during the run; start the run again when "
                        "nothing writes to the dataset."
                    )
                fast = decode_jpeg(payload, job.form)
                image[:] = to_unit_range(pixels(source.image(payload), job.form) if fast is None else fast)
            except BadImageError as error:
                image[:] = np.nan
                rejects.append(Reject(position, error.reason, error.detail))
        yield positions, job.transform.forward(images), rejects
