"""Read and write the state that stages and passes hand to each other."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from storage.arrays import chunk_path, open_array, read_chunk
from storage.errors import EigenwaveError
from storage.files import replacing, write_file
from tasks.begin_run import Job
from tasks.products import Float32, Float64


class Totals(NamedTuple):
    """What the transform found: fitted images, rejected images, energy about the mean, digest of the dataset."""

    fitted: int
    rejected: int
    energy: float
    dataset_digest: str


def load_mean(job: Job) -> Float64:
    """The mean row (p,)."""
    return np.asarray(open_array(job.paths.mean)[:])


def load_patterns(job: Job) -> Float32:
    """The patterns as columns (p, k)."""
    return np.ascontiguousarray(np.asarray(open_array(job.paths.patterns)[:]).T)


def load_shard(job: Job, shard: int) -> Float32:
    """Coefficients of a shard's rows; those of rejected images are NaN."""
    plan = job.plan
    chunk = read_chunk(chunk_path(job.paths.coefficients, shard), (plan.rows_per_shard, plan.coefficients))
    return chunk[: len(plan.rows(shard))]


def save_array(path: Path, values: npt.NDArray[Any]) -> None:
    """Write an array of intermediate state whole."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, values)


def save_totals(job: Job, totals: Totals) -> None:
    """Write what the transform found."""
    write_file(job.paths.totals, json.dumps(totals._asdict()).encode())


def read_totals(job: Job) -> Totals:
    """What the transform found."""
    return Totals(**json.loads(job.paths.totals.read_bytes()))


def require_finite(values: npt.NDArray[Any], job: Job, shard: int) -> None:
    """Refuse a result that a missing chunk, read as NaN, would have spoilt.

    Raises
    ------
    EigenwaveError
        If a value is not finite.
    """
    # Anything that is not finite makes the sum so, and a sum needs no temporary array.
    if not np.isfinite(values.sum()):
        raise EigenwaveError(
            f"Shard {shard} of {job.paths.coefficients} is missing or damaged; remove {job.paths.folder} and run again."
        )
