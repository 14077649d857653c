"""From samples to wavelet coefficients, a block of images at a time."""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from storage.errors import BadImageError, EigenwaveError
from storage.payloads import decode
from storage.shards import Reject
from storage.source import Source, intact
from tasks.begin_run import Job
from tasks.products import Float32
from tasks.solver import FLOAT32
from tasks.space import to_unit_range

BLOCK_BYTES = 4 * 2**20  # of decoded images: little memory, and their transform stays in the cache
UNREADABLE = bytes(32)  # stands for the digest of an image whose bytes cannot be read


def digests_of(source: Source, samples: pa.Table) -> list[bytes]:
    """SHA-256 of the stored bytes of each sample."""
    return [_digest(payload) for payload in source.read(samples)]


def _digest(payload: bytes | BadImageError) -> bytes:
    return UNREADABLE if isinstance(payload, BadImageError) else hashlib.sha256(payload).digest()


def transformed_blocks(
    job: Job, source: Source, samples: pa.Table, digests: Sequence[bytes], out: Float32 | None = None
) -> Iterator[tuple[range, Float32, list[Reject]]]:
    """Decode and transform images in order, into the rows of `out` if it is given.

    Yields
    ------
    tuple
        Positions in `samples`, the coefficients of those images (n, p), and the bad ones among them: their rows are
        NaN.

    Raises
    ------
    EigenwaveError
        If the bytes of an image are not those that its digest was made from.
    """
    shape = (job.plan.height, job.plan.width, job.plan.channels)
    # Always as many, the last block filled up: in a product of another size, an image may round differently.
    step = max(1, BLOCK_BYTES // (FLOAT32 * math.prod(shape)))
    payloads = source.read(samples)
    for start in range(0, len(samples), step):
        positions = range(start, min(start + step, len(samples)))
        # Each channel on its own in memory, as the transform wants it.
        images = np.moveaxis(np.zeros((step, shape[2], *shape[:2]), np.float32), 1, 3)
        rejects: list[Reject] = []
        for image, position in zip(images, positions, strict=False):
            payload = next(payloads)
            if _digest(payload) != digests[position]:
                raise EigenwaveError(
                    f"The image {samples['key'][position]} of {job.source} changed during the run; start the run again "
                    "when nothing writes to the dataset."
                )
            try:
                image[:] = to_unit_range(decode(intact(payload), source.layout, job.form))
            except BadImageError as error:
                image[:] = np.nan
                rejects.append(Reject(position, error.reason, error.detail))
        place = None if out is None or len(positions) < step else out[positions.start : positions.stop]
        coefficients = job.space.forward(images, place)[: len(positions)]
        if out is not None and place is None:
            out[positions.start : positions.stop] = coefficients
        yield positions, coefficients, rejects
