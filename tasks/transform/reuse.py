"""Reuse work: do not read images that did not change, and do not transform images that an earlier run has."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import EigenwaveError
from storage.runs.manifest import Manifest, read_manifest
from storage.runs.shards import Reject, find_shard, same_recipe
from storage.runs.workspace import RunPaths
from storage.stores.open import open_path
from storage.tables.batches import metadata_of, read_batch
from storage.tables.digests import Digests, from_column, from_text, has_digest, is_removed, without_digests
from storage.tables.parquet import read_rows
from storage.tables.schemas import REMOVED
from tasks.dtypes import Float32, Mask
from tasks.run.job import Job
from tasks.run.worker import installed_code
from tasks.transform.recipe import Recipe


@dataclass(frozen=True)
class Known:
    """A chunk of an earlier run, a mask of its rows that are still right, and the rejects among those."""

    chunk: Float32
    same: Mask
    rejects: tuple[Reject, ...]


def known_digests(job: Job, shard: int, listing: pa.Table) -> Digests:
    """Return the digests (n, 16) of a shard's images whose stamps did not change; the others are zeros.

    Stamps are compared with those that this run read before it was interrupted, or with those of the run whose rows it
    keeps.

    Parameters
    ----------
    job, shard
        Job and number of the shard.
    listing
        The shard's samples in the dataset now.
    """
    digests = unread(listing)
    try:
        then, before = _seen(job, shard)
        now = listing["stamp"].slice(0, len(then)).combine_chunks()
        same = np.asarray(pc.fill_null(pc.equal(now, then.combine_chunks()), fill_value=False))
        same &= ~is_removed(digests[: len(same)])
        # Most rows are the same: copy all, and then correct the few others.
        before[~same] = digests[: len(same)][~same]
        digests[: len(same)] = before
    except (EigenwaveError, LookupError, ValueError, pa.ArrowException):
        return unread(listing)  # the stored stamps are missing or damaged
    return digests


def unread(listing: pa.Table) -> Digests:
    """Return the digests (n, 16) of a shard's images before any is read."""
    return without_digests(np.asarray(listing["class_id"]) == REMOVED)


def _seen(job: Job, shard: int) -> tuple[pa.ChunkedArray, Digests]:
    """Read the stamps and digests that a run stored for a shard's images."""
    if job.settings.execution.rehash:
        raise EigenwaveError("every image is to be read again")
    path, number = job.paths.work.part(shard), 0
    if not path.exists():
        if job.rows_of is None:
            raise EigenwaveError("no earlier run has these rows")
        path, number = job.workspace.seen(RunPaths(open_path(job.rows_of)).run_id), shard
    seen = read_batch(path, number)
    if metadata_of(seen, "code") != installed_code():
        raise EigenwaveError("other code may find other bytes in the same files")
    return seen["stamp"], from_column(seen["digest"])


def known_rows(job: Job, shard: int, recipe: Recipe, digests: Digests) -> Known:
    """Return the rows of a shard that an earlier run has; none if it processed them otherwise, or no longer has them.

    Parameters
    ----------
    job, shard, recipe
        Job, number and recipe of the new shard.
    digests
        Digests of its images (n, 16).
    """
    try:
        return _from_earlier(job, shard, recipe, digests)
    except EigenwaveError:
        return Known(recipe.empty(), np.zeros(len(digests), np.bool_), ())


def _from_earlier(job: Job, shard: int, recipe: Recipe, digests: Digests) -> Known:
    if job.rows_of is None:
        raise EigenwaveError("no earlier run has these rows")
    keys: tuple[str, ...] = getattr(_manifest(job.rows_of), recipe.listed)
    key = recipe.key(digests)
    marker = find_shard(job.workspace, keys[shard]) if shard < len(keys) and same_recipe(keys[shard], key) else None
    if marker is None:
        raise EigenwaveError("the earlier run processed this shard otherwise, or no longer has it")
    table = RunPaths(open_path(job.rows_of)).table("samples")
    before = from_text(read_rows(table, ["digest"], job.plan.rows(shard))["digest"])
    same = has_digest(digests) & ~is_removed(digests)
    same[len(before) :] = False
    same[: len(before)] &= (digests[: len(before)] == before).all(axis=1)
    return Known(
        recipe.read(job, marker.key), same, tuple(reject for reject in marker.rejects if same[reject.position])
    )


@lru_cache(maxsize=1)
def _manifest(run: str) -> Manifest:
    return read_manifest(RunPaths(open_path(run)).manifest)
