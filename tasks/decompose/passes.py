"""The passes of the decomposition, delegated to the plan's solver: the share of each shard, and the sum of all."""

from tasks.decompose.exact_solvers import DualSolver, GramSolver
from tasks.decompose.krylov_solver import KrylovSolver
from tasks.decompose.solver import Solver
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.worker import single_threaded

SOLVERS: dict[str, type[Solver]] = {"krylov": KrylovSolver, "gram": GramSolver, "dual": DualSolver}


def open_solver(job: Job) -> Solver:
    """Return the solver that the run's plan names."""
    return SOLVERS[job.plan.solver](job)


@single_threaded
def share_of_shard(job: Job, number: int, shard: int) -> Float64:
    """Compute the shard's share of pass `number`; its meaning depends on the solver.

    Raises
    ------
    EigenwaveError
        If the shard is missing or damaged.
    """
    return open_solver(job).share(number, shard)


@single_threaded
def finish_pass(job: Job, number: int, total: Float64) -> None:
    """Pass the sum of all shares of pass `number` to the solver, which prepares the next pass if it needs one."""
    open_solver(job).finish_pass(number, total)
