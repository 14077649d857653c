"""Read, decode and wavelet-transform the images of a shard, and take its share of the first pass on the way."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import storage.images
import tasks.wavelet
from storage.arrays import link_chunk
from storage.errors import BadImageError, EigenwaveError
from storage.images import pixels
from storage.shards import Marker, Reject, code_digest, find_shard, shard_key, store_shard
from storage.source import Source, open_source
from storage.tables import PART, read_table, table_writer, to_table
from tasks.blas import single_threaded
from tasks.krylov import Float32, Float64, Moments, multiply, row_blocks
from tasks.plan import FLOAT32
from tasks.plan_run import Job
from tasks.read_state import load_shard

IMAGE_BLOCK_BYTES = 4 * 2**20  # images decoded and transformed at once: little memory, and it stays in the cache
UNREADABLE = bytes(32)  # stands for the digest of an image whose bytes cannot be read


@dataclass(frozen=True)
class FirstPass:
    """What the first pass takes from shards: how many, the moments of their fitted rows, their share of W'W Q."""

    shards: int
    moments: Moments
    product: Float64

    def __add__(self, other: Self) -> Self:
        """Both sets of shards together."""
        return type(self)(self.shards + other.shards, self.moments + other.moments, self.product + other.product)


@single_threaded
def transform_shard(job: Job, shard: int) -> FirstPass:
    """Bring a shard's coefficients into the run, computing them only if no earlier run did.

    Raises
    ------
    EigenwaveError
        If the dataset changes meanwhile, or the disk refuses a write.
    """
    listing = read_table(job.paths.listing, row_group=shard)
    keys = listing["key"].to_pylist()
    source = _source(job.source, job.attempt)
    digests = [_digest(source, key) for key in keys]
    chunk_shape = (job.plan.rows_per_shard, job.plan.coefficients)
    key = shard_key(digests, chunk_shape, f"{job.settings.transform_part()} {job.form}", _code())
    marker = find_shard(job.workspace, key)
    rows: Float32
    if marker is None:
        rows, rejects = _transformed(job, source, keys, digests)
        marker = store_shard(job.workspace, key, rows, len(keys), rejects)
        link_chunk(job.paths.coefficients, shard, job.workspace.chunk(key))
    else:
        link_chunk(job.paths.coefficients, shard, job.workspace.chunk(key))
        rows = load_shard(job, shard)
    _write_part(job, shard, listing, digests, marker)
    rows, used = rows[: len(keys)], job.used(shard)
    moments = sum((Moments.of(block) for block in row_blocks(rows, used)), Moments(0, np.zeros(rows.shape[1]), 0.0))
    return FirstPass(1, moments, multiply(rows, used, np.load(job.paths.basis(0)), mean=None))


@lru_cache(maxsize=1)
def _source(address: str, attempt: str) -> Source:  # noqa: ARG001 - part of the cache's key
    """The dataset, opened once a run: it may have changed since the worker last saw it."""
    return open_source(address)


@lru_cache(maxsize=1)
def _code() -> str:
    return code_digest(Path(storage.images.__file__), Path(tasks.wavelet.__file__))


def _digest(source: Source, key: str) -> bytes:
    try:
        return hashlib.sha256(source.read(key)).digest()
    except BadImageError:
        return UNREADABLE


def _transformed(
    job: Job, source: Source, keys: Sequence[str], digests: Sequence[bytes]
) -> tuple[Float32, tuple[Reject, ...]]:
    """Coefficients of a whole chunk; rows of rejected images, and rows behind the last image, are NaN."""
    chunk = np.full((job.plan.rows_per_shard, job.plan.coefficients), np.nan, np.float32)
    rejects: list[Reject] = []
    shape = (job.plan.height, job.plan.width, job.plan.channels)
    step = max(1, IMAGE_BLOCK_BYTES // (FLOAT32 * math.prod(shape)))
    for start in range(0, len(keys), step):
        stop = min(start + step, len(keys))
        images = np.full((stop - start, *shape), np.nan, np.float32)
        for position, image in _decoded(job, source, keys, digests, range(start, stop)):
            if isinstance(image, Reject):
                rejects.append(image)
            else:
                images[position - start] = image
        good = ~np.isnan(images[:, 0, 0, 0])
        chunk[start:stop][good] = job.transform.forward(images[good])
    return chunk, tuple(rejects)


def _decoded(
    job: Job, source: Source, keys: Sequence[str], digests: Sequence[bytes], positions: range
) -> Iterator[tuple[int, npt.NDArray[np.float32] | Reject]]:
    for position in positions:
        try:
            payload = source.read(keys[position])
            if hashlib.sha256(payload).digest() != digests[position]:
                raise EigenwaveError(
                    f"The image {keys[position]} of {job.source} changed during the run; start the run again when "
                    "nothing writes to the dataset."
                )
            yield position, tasks.wavelet.to_unit_range(pixels(source.image(payload), job.form))
        except BadImageError as error:
            yield position, Reject(position, error.reason, error.detail)


def _write_part(job: Job, shard: int, listing: Any, digests: Sequence[bytes], marker: Marker) -> None:  # noqa: ANN401
    rejects = {reject.position: reject for reject in marker.rejects}
    found = [rejects.get(position) for position in range(len(digests))]
    columns = {name: listing[name].to_pylist() for name in listing.column_names} | {
        "digest": [None if digest == UNREADABLE else digest.hex()[:32] for digest in digests],
        "reason": [reject and reject.reason for reject in found],
        "detail": [reject and reject.detail for reject in found],
    }
    with table_writer(job.paths.part(shard), PART, {"shard_key": marker.key}) as writer:
        writer.write_table(to_table(PART, columns))
