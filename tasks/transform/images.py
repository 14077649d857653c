"""Turn samples into wavelet coefficients, a block of images at a time."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from storage.datasets.source import Source, intact
from storage.errors import BadImageError, EigenwaveError
from storage.pixels.facts import FACTS
from storage.pixels.images import Pixels
from storage.pixels.layout import white
from storage.pixels.payloads import is_gray, look
from storage.runs.shards import Reject
from storage.tables.digests import Digests, has_digest, image_digest
from tasks.dtypes import FLOAT32, Float32
from tasks.planning.memory import KEPT_BYTES
from tasks.run.job import Job
from tasks.wavelet.mirrored import MirroredSpace
from tasks.wavelet.properties import PropertySpace
from tasks.wavelet.reduced import ReducedSpace
from tasks.wavelet.space import CoefficientSpace

ONE_CHANNEL = frozenset({"I", "F"})  # modes of deep images, which are none of the gray ones of 8 and 16 bits
BLOCK_BYTES = 4 * 2**20  # of decoded images, so that their transform stays in the cache
Payload = bytes | BadImageError  # stored bytes of a sample, or the error of reading them


class Digested(NamedTuple):
    """Digests of samples, and the bytes of those that were read for them.

    Attributes
    ----------
    digests
        Digests of all samples (n, 16) uint8.
    payloads
        Bytes of each sample, empty for samples that were not read. None if none were read, or if they had more than
        `KEPT_BYTES`.
    """

    digests: Digests
    payloads: list[Payload] | None


def digest_images(source: Source, samples: pa.Table, given: Digests) -> Digested:
    """Read and digest the samples without a digest in `given`, and keep their bytes if they are few."""
    digests, unread, size = given.copy(), np.flatnonzero(~has_digest(given)), 0
    if not len(unread):
        return Digested(digests, None)
    payloads: list[Payload] | None = [b""] * len(digests)
    for row, payload in zip(unread.tolist(), source.read(samples.take(unread)), strict=True):
        digests[row] = np.frombuffer(image_digest(payload), np.uint8)
        size += 0 if isinstance(payload, BadImageError) else len(payload)
        if size > KEPT_BYTES:
            payloads = None
        if payloads is not None:
            payloads[row] = payload
    return Digested(digests, payloads)


def read_again(job: Job, source: Source, samples: pa.Table, digests: Digests) -> Iterator[Payload]:
    """Read samples again, and check that their digests have not changed.

    Raises
    ------
    EigenwaveError
        If the bytes of an image changed.
    """
    for position, payload in enumerate(source.read(samples)):
        if image_digest(payload) != digests[position].tobytes():
            raise EigenwaveError(
                f"The image {samples['key'][position]} of {job.source} changed during the run; start the run again "
                "when nothing writes to the dataset."
            )
        yield payload


def _nothing(payload: bytes) -> Sequence[float]:  # noqa: ARG001 - see Reading
    return (math.nan,) * len(FACTS)


class Reading(NamedTuple):
    """The functions that decode the stored bytes of an image, and return its `storage.pixels.facts.FACTS`."""

    decode: Callable[[bytes], Pixels]
    describe: Callable[[bytes], Sequence[float]] = _nothing


Space = CoefficientSpace | ReducedSpace | MirroredSpace | PropertySpace


def transformed_blocks(
    job: Job,
    reading: Reading,
    payloads: Iterable[Payload],
    count: int,
    outs: Sequence[tuple[Space, Float32 | None]],
) -> Iterator[tuple[range, list[Float32], list[Reject]]]:
    """Decode `count` images in order, and transform them to one or more spaces.

    Parameters
    ----------
    job, reading, payloads, count
        The run, how images are read, and the stored bytes and number of the images.
    outs
        Spaces, each with the array (count, p) that its coefficients are written to, or None.

    Yields
    ------
    tuple
        Positions of a block of images, their coefficients (n, p) float32 in each space, and the bad images, whose rows
        are NaN.
    """
    shape = (job.plan.height, job.plan.width, job.plan.channels)
    # All blocks have the same size, the last one padded: in a product of another size, an image may round differently.
    step = max(1, BLOCK_BYTES // (FLOAT32 * math.prod(shape)))
    following = iter(payloads)
    # Each channel is contiguous in memory, as the transform needs it.
    planes, whites = np.zeros((step, shape[2], *shape[:2]), np.float32), np.ones((step, 1, 1, 1), np.float32)
    images, facts = np.moveaxis(planes, 1, 3), np.full((step, len(FACTS)), np.nan, np.float32)
    for start in range(0, count, step):
        positions = range(start, min(start + step, count))
        rejects: list[Reject] = []
        for row, position in enumerate(positions):
            try:
                payload = intact(next(following))
                pixels = reading.decode(payload)
            except BadImageError as error:
                images[row] = np.nan
                rejects.append(Reject(position, error.reason, error.detail))
            else:
                images[row], whites[row], facts[row] = pixels, white(pixels.dtype), reading.describe(payload)
        planes /= whites  # to [0, 1], all at once
        yield positions, [_forward(space, images, facts, out, positions) for space, out in outs], rejects


def _forward(space: Space, images: Float32, facts: Float32, out: Float32 | None, positions: range) -> Float32:
    """Transform a block of images, of which the first are those at the positions, into these rows of `out`, if any."""
    whole = out is not None and len(positions) == len(images)
    target = out[positions.start : positions.stop] if out is not None and whole else None
    if isinstance(space, PropertySpace):
        coefficients = space.forward(images, facts, target)
    else:
        coefficients = space.forward(images, target)
    if out is not None and not whole:
        out[positions.start : positions.stop] = coefficients[: len(positions)]
    return coefficients[: len(positions)]


def only_gray(decode: Callable[[bytes], Pixels]) -> Callable[[bytes], Pixels]:
    """A decoder of image files for a run on gray ones. It refuses color images, which would lose their color."""

    def decode_gray(payload: bytes) -> Pixels:
        pixels = decode(payload)
        mode, _ = look(payload, None)
        if not is_gray(mode) and mode not in ONE_CHANNEL:
            raise BadImageError("colour", f"its mode is {mode}, but the images that the plan looked at are gray")
        return pixels

    return decode_gray
