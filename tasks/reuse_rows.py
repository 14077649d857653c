"""Coefficients of images that an earlier run has in the same rows of a shard that changed otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from storage.arrays import read_chunk
from storage.errors import EigenwaveError
from storage.manifest import Manifest, read_manifest
from storage.open_store import open_path
from storage.shards import Reject, find_shard, same_recipe
from storage.tables import read_table
from storage.workspace import RunPaths
from tasks.begin_run import Job
from tasks.products import Float32, Mask
from tasks.read_images import UNREADABLE

ABSENT = b"\xff" * 32  # stands for the digest of an image that was removed


@dataclass(frozen=True)
class Known:
    """A chunk, which of a shard's rows it has right, and what is wrong with some of those images; the rest is void."""

    chunk: Float32
    same: Mask
    rejects: tuple[Reject, ...]


def known_rows(job: Job, shard: int, key: str, digests: Sequence[bytes]) -> Known:
    """What an earlier run knows of a shard's rows; nothing if it was made otherwise, or is not there any more.

    Parameters
    ----------
    job, shard, key
        The shard to be made, and its address.
    digests
        SHA-256 of its images.
    """
    shape = (job.plan.rows_per_shard, job.plan.coefficients)
    try:
        return _from_earlier(job, shard, key, digests, shape)
    except EigenwaveError:
        return Known(np.empty(shape, np.float32), np.zeros(len(digests), np.bool_), ())


def _from_earlier(job: Job, shard: int, key: str, digests: Sequence[bytes], shape: tuple[int, int]) -> Known:
    if job.rows_of is None:
        raise EigenwaveError("no earlier run has these rows")
    keys = _manifest(job.rows_of).shards
    marker = find_shard(job.workspace, keys[shard]) if shard < len(keys) and same_recipe(keys[shard], key) else None
    if marker is None:
        raise EigenwaveError("the earlier run made this shard otherwise, or it is not there any more")
    table = RunPaths(open_path(job.rows_of)).table("samples")
    before = read_table(table, ["digest"], row_group=shard)["digest"].to_pylist()
    before += [None] * (len(digests) - len(before))
    now = [stored_digest(digest) for digest in digests]
    same = np.array([new is not None and new == old for new, old in zip(now, before, strict=True)], np.bool_)
    chunk = read_chunk(job.workspace.chunk(marker.key), shape, job.settings.dtype)
    return Known(chunk, same, tuple(reject for reject in marker.rejects if same[reject.position]))


def stored_digest(digest: bytes) -> str | None:
    """The digest of an image as tables have it; None if there is none."""
    return None if digest in {UNREADABLE, ABSENT} else digest.hex()[:32]


@lru_cache(maxsize=1)
def _manifest(run: str) -> Manifest:
    return read_manifest(RunPaths(open_path(run)).manifest)
