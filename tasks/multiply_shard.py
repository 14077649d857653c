"""The share of one shard in a pass of the decomposition."""

import numpy as np

from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.krylov import Float64, multiply
from tasks.read_state import load_mean, load_shard, require_finite


@single_threaded
def multiply_shard(job: Job, number: int, shard: int) -> Float64:
    """The shard's share of G Q in pass `number` (p, l) float64.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged.
    """
    basis = np.load(job.paths.basis(number))
    product = multiply(load_shard(job, shard), job.used(shard), basis, load_mean(job))
    require_finite(product, job, shard)
    return product
