"""One pass of the decomposition: the share of each shard on the workers, then what the solver makes of their sum."""

from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.open_solver import open_solver
from tasks.products import Float64


@single_threaded
def share_of_shard(job: Job, number: int, shard: int) -> Float64:
    """The shard's share of pass `number`, as its solver defines it.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged.
    """
    return open_solver(job).share(number, shard)


@single_threaded
def finish_pass(job: Job, number: int, total: Float64) -> None:
    """Hand the sum of all shares of pass `number` to the solver, which prepares the next pass if it wants one."""
    open_solver(job).finish_pass(number, total)
