"""Read, decode and wavelet-transform the images of a shard, and compute its share of the first pass."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.arrays.npy import load_npy
from storage.arrays.zarr import link_chunk
from storage.datasets.source import Source
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.pixels.facts import describe
from storage.pixels.images import SHORT_OF_MEMORY
from storage.pixels.payloads import decoder
from storage.runs.shards import KINDS, Marker, Reject, store_shard
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
from tasks.transform.images import Digested, Payload, Reading, digest_images, only_gray, read_again, transformed_blocks
from tasks.transform.judging import write_judging_scores
from tasks.transform.recipe import Recipe, recipes
from tasks.transform.reuse import Known, known_digests, known_rows, unread

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
    (rows, judging), used = bring_shard(job, shard, notes), job.used(shard)
    if judging is not None:
        write_judging_scores(job, shard, judging)
    shift = load_npy(job.paths.work.shift)
    moments = Moments.of(rows, used, shift)
    rows, shift = centred(rows, shift)
    scales = share_of_scales(job, rows, used, shift)
    return FirstPass(1, moments, open_solver(job).first_share(rows, used, shift), scales, notes)


class Brought(NamedTuple):
    """Rows of a shard's images: coefficients (n, p), and those that labels are judged by (n, p'), if there are any."""

    coefficients: Float32
    judging: Float32 | None


def bring_shard(job: Job, shard: int, notes: Counter[str] | None = None) -> Brought:
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
        digests, brought = _brought(job, shard, listing, given, notes)
    except _UnreadError:
        digests, brought = _brought(job, shard, listing, unread(listing), notes)
    marker, rows = brought["shards"]
    # If this shard alone has more bad images than the run allows, fail before the others are transformed.
    names = listing["key"]
    bad = ((names[reject.position].as_py(), reject.reason, reject.detail) for reject in marker.rejects)
    require_few(bad, job.plan.images, job.settings)
    link_chunk(job.paths.coefficients, shard, job.workspace.chunk(marker.key))
    judging = brought.get("judging_shards")
    _write_part(job, shard, listing, digests, brought)
    return Brought(rows[: len(listing)], judging[1][: len(listing)] if judging else None)


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
) -> tuple[Digests, dict[str, tuple[Marker, Float32]]]:
    """Return the digests of a shard's images, and markers and rows of all recipes, stored or computed.

    Images whose digest is in `given` are not read.
    """
    source = _source(job)
    found = digest_images(source, listing, given)
    brought: dict[str, tuple[Marker, Float32]] = {}
    lacking: list[tuple[Recipe, Known]] = []
    for recipe in recipes(job, source.layout):
        marker, rows = recipe.stored(job, recipe.key(found.digests))
        if marker is None:
            lacking.append((recipe, known_rows(job, shard, recipe, found.digests)))
        else:
            brought[recipe.listed] = marker, rows
    if lacking:
        same = np.logical_and.reduce([known.same for _, known in lacking])
        missing = np.flatnonzero(~same & ~is_removed(found.digests))
        if has_digest(given[missing]).any():
            raise _UnreadError
        images = _images(job, source, listing, found, missing)
        decode = decoder(source.layout, job.form, notes)
        if source.layout is None and job.plan.channels == 1:
            decode = only_gray(decode)
        reading = Reading(decode, partial(describe, layout=source.layout))
        rejects = _transform(job, reading, images, missing, lacking)
        _require_memory(job, listing, rejects)
        for recipe, known in lacking:
            stored = _as_stored(known.chunk, recipe.dtype)
            marker = store_shard(job.workspace, recipe.key(found.digests), stored, len(listing), rejects)
            brought[recipe.listed] = marker, stored.astype(np.float32, copy=False)
    return found.digests, brought


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


def _source(job: Job) -> Source:
    return _opened(job.source, job.settings.access, job.format, job.attempt)


@lru_cache(maxsize=1)
def _opened(address: str, access: Access, format_name: str, attempt: str) -> Source:  # noqa: ARG001 - part of the cache's key
    """Open the dataset once per attempt, since it may have changed since the last one."""
    return open_source(address, access, format_name)


def _transform(
    job: Job,
    reading: Reading,
    images: Iterable[Payload],
    missing: Int64,
    lacking: Sequence[tuple[Recipe, Known]],
) -> tuple[Reject, ...]:
    """Complete the chunks of all recipes by the images of the missing rows; return all rejects.

    Rows of rejected and removed images, and rows behind the last image, are NaN.
    """
    rows = len(lacking[0][1].same)
    for _, known in lacking:
        void = ~known.same
        void[missing] = False
        known.chunk[:rows][void] = known.chunk[rows:] = np.nan
    read = set(missing.tolist())
    rejects = [reject for reject in lacking[0][1].rejects if reject.position not in read]
    # Usually all rows are missing; then their coefficients are written to the chunks without a copy.
    whole = len(missing) == rows
    outs = [(recipe.space, known.chunk if whole else None) for recipe, known in lacking]
    for positions, blocks, bad in transformed_blocks(job, reading, images, len(missing), outs):
        if not whole:
            for (_, known), coefficients in zip(lacking, blocks, strict=True):
                known.chunk[missing[positions.start : positions.stop]] = coefficients
        rejects += [replace(reject, position=int(missing[reject.position])) for reject in bad]
    return tuple(sorted(rejects, key=lambda reject: reject.position))


def _as_stored(rows: Float32, dtype: str) -> npt.NDArray[np.floating[Any]]:
    """Convert coefficients to the stored type; returns `rows` itself if the type is the same."""
    with np.errstate(over="ignore"):
        stored: npt.NDArray[np.floating[Any]] = rows.astype(dtype, copy=False)
    if stored is not rows and np.isinf(stored).any():
        raise EigenwaveError("Coefficients are too large for float16: set --dtype float32 or smaller --weights.")
    return stored


def _write_part(
    job: Job, shard: int, listing: pa.Table, digests: Digests, brought: Mapping[str, tuple[Marker, Float32]]
) -> None:
    marker, _ = brought["shards"]
    keys = {name: brought[kind][0].key if kind in brought else None for kind, name in KINDS.items()}
    removed = [Reject(row, "removed", GONE) for row in np.flatnonzero(is_removed(digests)).tolist()]
    columns = {name: listing[name] for name in PART.names if name in LISTING.names}
    columns |= {"digest": to_column(digests), **_faults(len(digests), [*marker.rejects, *removed])}
    write_batch(job.paths.work.part(shard), PART, columns, {**keys, "code": installed_code()})


def _faults(rows: int, rejects: list[Reject]) -> dict[str, pa.Array]:
    """Return the columns `reason` and `detail` of each row; usually all null."""
    if not rejects:
        return dict.fromkeys(("reason", "detail"), pa.nulls(rows))
    reasons, details = list[str | None]([None] * rows), list[str | None]([None] * rows)
    for reject in rejects:
        reasons[reject.position], details[reject.position] = reject.reason, reject.detail
    return {"reason": pa.array(reasons), "detail": pa.array(details)}
