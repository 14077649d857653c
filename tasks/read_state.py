"""Read and write the state that passes hand to each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.arrays import open_array, read_rows
from storage.errors import EigenwaveError
from storage.files import replacing
from tasks.begin_run import Job
from tasks.krylov import Float32, Float64


def load_mean(job: Job) -> Float64:
    """The mean row (p,)."""
    return np.asarray(open_array(job.paths.mean)[:])


def load_patterns(job: Job) -> Float32:
    """The patterns as columns (p, k)."""
    return np.ascontiguousarray(np.asarray(open_array(job.paths.patterns)[:]).T)


def load_shard(job: Job, shard: int) -> Float32:
    """Coefficients of a shard's rows; those of rejected images are NaN."""
    rows = job.plan.rows(shard)
    return read_rows(job.paths.coefficients, rows.start, rows.stop)


def save_state(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file of intermediate state whole: `write` gets it open."""
    with replacing(path) as partial, partial.open("wb") as file:
        write(file)


def require_finite(values: npt.NDArray[Any], job: Job, shard: int) -> None:
    """Refuse a result that a missing chunk, read as NaN, would have spoilt.

    Raises
    ------
    EigenwaveError
        If a value is not finite.
    """
    if not np.isfinite(values).all():
        raise EigenwaveError(
            f"Shard {shard} of {job.paths.coefficients} is missing or damaged; remove {job.paths.folder} and run again."
        )
