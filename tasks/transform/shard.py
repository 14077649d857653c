"""Read, decode and wavelet-transform the images of a shard, and compute its share of the first pass."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.arrays.npy import load_npy
from storage.arrays.zarr import link_chunk, read_chunk
from storage.datasets.source import Source
from storage.errors import DamagedError, EigenwaveError
from storage.formats.open import open_source
from storage.pixels.images import SHORT_OF_MEMORY, Pixels
from storage.pixels.payloads import STRICTNESS, decoder
from storage.runs.shards import Marker, Reject, find_shard, shard_key, store_shard
from storage.setting_groups import Access
from storage.tables.batches import write_batch
from storage.tables.digests import Digests, from_column, has_digest, is_removed, to_column
from storage.tables.schemas import LISTING, PART
from tasks.decompose.passes import open_solver
from tasks.decompose.scales import share_of_scales
from tasks.dtypes import Float32, Int64
from tasks.planning.limits import require_few
from tasks.run.job import Job
from tasks.run.results import FirstPass
from tasks.run.worker import installed_code, single_threaded
from tasks.svd.products import Moments, centred
from tasks.transform.images import Digested, Payload, digest_images, only_gray, read_again, transformed_blocks
from tasks.transform.reuse import Known, known_digests, known_rows, unread
from tasks.transform.version import TRANSFORM_VERSIONS, address_of_version

GONE = "it was removed from the dataset"


@single_threaded
def transform_shard(job: Job, shard: int) -> FirstPass:
    """Add a shard to the run, and compute its sums for the first pass.

    Raises
    ------
    EigenwaveError
        If the dataset changes meanwhile, too many of the shard's images are bad, or the disk refuses a write.
    """
    notes = Counter[str]()
    rows, used = bring_shard(job, shard, notes), job.used(shard)
    shift = load_npy(job.paths.work.shift)
    moments = Moments.of(rows, used, shift)
    rows, shift = centred(rows, shift)
    scales = share_of_scales(job, rows, used, shift)
    return FirstPass(1, moments, open_solver(job).first_share(rows, used, shift), scales, notes)


def bring_shard(job: Job, shard: int, notes: Counter[str] | None = None) -> Float32:
    """Add a shard's coefficients to the run and return them. They are computed only if no earlier run has them.

    Harmless oddities of the image files that are decoded for it are counted in `notes`, by kind.

    Raises
    ------
    EigenwaveError
        If the dataset changes meanwhile, too many of the shard's images are bad, or the disk refuses a write.
    """
    listing = job.listed(shard)
    given = known_digests(job, shard, listing)
    try:
        digests, marker, rows = _brought(job, shard, listing, given, notes)
    except _UnreadError:
        digests, marker, rows = _brought(job, shard, listing, unread(listing), notes)
    # If this shard alone has more bad images than the run allows, fail before the others are transformed.
    names = listing["key"]
    bad = ((names[reject.position].as_py(), reject.reason, reject.detail) for reject in marker.rejects)
    require_few(bad, job.plan.images, job.settings)
    link_chunk(job.paths.coefficients, shard, job.workspace.chunk(marker.key))
    _write_part(job, shard, listing, digests, marker)
    return rows[: len(listing)]


def count_changed(job: Job, shard: int) -> int:
    """Count the images of a transformed shard that have changed since; all of them, if their digests are lost."""
    listing = job.listed(shard)
    if not job.paths.work.part(shard).exists():
        return len(listing)
    now = digest_images(_source(job), listing, known_digests(job, shard, listing)).digests
    now[is_removed(now)] = 0  # as in tables
    return int((now != from_column(job.part(shard, ["digest"])["digest"])).any(axis=1).sum())


class _UnreadError(EigenwaveError):
    """An image whose digest is known has no coefficients, so it must be read after all."""


def _brought(
    job: Job, shard: int, listing: pa.Table, given: Digests, notes: Counter[str] | None
) -> tuple[Digests, Marker, Float32]:
    """Return the digests of a shard's images, and its marker and rows, stored or computed.

    Images whose digest is in `given` are not read.
    """
    source = _source(job)
    found = digest_images(source, listing, given)
    chunk_shape = (job.plan.rows_per_shard, job.plan.coefficients)
    transform = f"{job.settings.transform_part()} {job.form}"
    if source.layout is None:  # plain pixels cannot be refused as damaged
        transform += f" strictness {STRICTNESS}"
        if job.plan.channels == 1:
            transform += ", no colour"  # earlier versions took colour images for gray ones
    version = TRANSFORM_VERSIONS[job.settings.coefficients.transform]
    key = shard_key(found.digests.tobytes(), chunk_shape, transform, address_of_version(version))
    marker, rows = _stored(job, key, chunk_shape)
    if marker is None:
        known = known_rows(job, shard, key, found.digests)
        missing = np.flatnonzero(~known.same & ~is_removed(found.digests))
        if has_digest(given[missing]).any():
            raise _UnreadError
        images = _images(job, source, listing, found, missing)
        decode = decoder(source.layout, job.form, notes)
        if source.layout is None and job.plan.channels == 1:
            decode = only_gray(decode)
        rows, rejects = _transformed(job, decode, images, missing, known)
        _require_memory(job, listing, rejects)
        stored = _as_stored(job, rows)
        marker = store_shard(job.workspace, key, stored, len(listing), rejects)
        rows = stored.astype(np.float32, copy=False)
    return found.digests, marker, rows


def _require_memory(job: Job, listing: pa.Table, rejects: tuple[Reject, ...]) -> None:
    """Refuse an image that another machine could decode: what a run finds does not depend on the machine's memory."""
    for reject in rejects:
        if reject.reason == SHORT_OF_MEMORY:
            raise EigenwaveError(
                f"The image {listing['key'][reject.position]} of {job.source} has {reject.detail}, for which there is "
                "memory; use fewer --workers or a higher --memory-limit, or remove the image."
            )


def _images(job: Job, source: Source, listing: pa.Table, found: Digested, rows: Int64) -> Iterable[Payload]:
    """Return the bytes of some rows of a shard, read again if they were too many to keep."""
    if found.payloads is not None:
        payloads = found.payloads
        return (payloads[row] for row in rows.tolist())
    return read_again(job, source, listing.take(rows), found.digests[rows])


def _stored(job: Job, key: str, shape: tuple[int, int]) -> tuple[Marker | None, Float32]:
    """Return the stored shard; no marker if no run has stored it, or it is damaged."""
    marker, nothing = find_shard(job.workspace, key), np.empty((0, 0), np.float32)
    try:
        rows = read_chunk(job.workspace.chunk(key), shape, job.settings.coefficients.dtype) if marker else nothing
    except DamagedError:
        return None, nothing
    return marker, rows


def _source(job: Job) -> Source:
    return _opened(job.source, job.settings.access, job.format, job.attempt)


@lru_cache(maxsize=1)
def _opened(address: str, access: Access, format_name: str, attempt: str) -> Source:  # noqa: ARG001 - part of the cache's key
    """Open the dataset once per attempt, since it may have changed since the last one."""
    return open_source(address, access, format_name)


def _transformed(
    job: Job, decode: Callable[[bytes], Pixels], images: Iterable[Payload], missing: Int64, known: Known
) -> tuple[Float32, tuple[Reject, ...]]:
    """Compute the coefficients of a whole chunk, from the known rows and the images of the missing rows.

    Rows of rejected and removed images, and rows behind the last image, are NaN.
    """
    chunk, rejects = known.chunk, list(known.rejects)
    rows = len(known.same)
    void = ~known.same
    void[missing] = False
    chunk[:rows][void] = chunk[rows:] = np.nan
    # Usually all rows are missing; then their coefficients are written to the chunk without a copy.
    place = chunk if len(missing) == rows else None
    for positions, coefficients, bad in transformed_blocks(job, decode, images, len(missing), place):
        if place is None:
            chunk[missing[positions.start : positions.stop]] = coefficients
        rejects += [replace(reject, position=int(missing[reject.position])) for reject in bad]
    return chunk, tuple(sorted(rejects, key=lambda reject: reject.position))


def _as_stored(job: Job, rows: Float32) -> npt.NDArray[np.floating[Any]]:
    """Convert coefficients to the stored type; returns `rows` itself if the type is the same."""
    with np.errstate(over="ignore"):
        stored: npt.NDArray[np.floating[Any]] = rows.astype(job.settings.coefficients.dtype, copy=False)
    if stored is not rows and np.isinf(stored).any():
        raise EigenwaveError("Coefficients are too large for float16: set --dtype float32 or smaller --weights.")
    return stored


def _write_part(job: Job, shard: int, listing: pa.Table, digests: Digests, marker: Marker) -> None:
    removed = [Reject(row, "removed", GONE) for row in np.flatnonzero(is_removed(digests)).tolist()]
    columns = {name: listing[name] for name in PART.names if name in LISTING.names}
    columns |= {"digest": to_column(digests), **_faults(len(digests), [*marker.rejects, *removed])}
    write_batch(job.paths.work.part(shard), PART, columns, {"shard_key": marker.key, "code": installed_code()})


def _faults(rows: int, rejects: list[Reject]) -> dict[str, pa.Array]:
    """Return the columns `reason` and `detail` of each row; usually all null."""
    if not rejects:
        return dict.fromkeys(("reason", "detail"), pa.nulls(rows))
    reasons, details = list[str | None]([None] * rows), list[str | None]([None] * rows)
    for reject in rejects:
        reasons[reject.position], details[reject.position] = reject.reason, reject.detail
    return {"reason": pa.array(reasons), "detail": pa.array(details)}
