"""Which class a solver's name stands for."""

from tasks.begin_run import Job
from tasks.solve_dual import DualSolver
from tasks.solve_gram import GramSolver
from tasks.solve_krylov import KrylovSolver
from tasks.solve_shards import Solver

SOLVERS: dict[str, type[Solver]] = {"krylov": KrylovSolver, "gram": GramSolver, "dual": DualSolver}


def open_solver(job: Job) -> Solver:
    """The solver that the run's plan names."""
    return SOLVERS[job.plan.solver](job)
