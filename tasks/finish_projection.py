"""After projecting: how exact the patterns turned out to be."""

import numpy as np

from storage.errors import EigenwaveError
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.keep_state import load_patterns, read_totals, save_state
from tasks.open_solver import open_solver
from tasks.products import Float64
from tasks.project_shard import Projected, Projection


@single_threaded
def finish_projection(job: Job, result: Projection) -> None:
    """Check how exact the patterns are, and keep the merged sums of all shards.

    Raises
    ------
    EigenwaveError
        If shards are missing, or the patterns are not as exact or hold less energy than was asked for.
    """
    if result.shards != job.plan.shards:
        raise EigenwaveError(f"Only {result.shards} of {job.plan.shards} shards were projected; run again.")
    residuals = _residuals(job, result)
    _require_exact(job, residuals, float(result.squares.sum()) / read_totals(job).energy)
    save_state(job.paths.projection, Projected(residuals, result.squares, result.colours, result.held_out))


def _residuals(job: Job, result: Projection) -> Float64:
    """Norm of G v - s^2 v over s^2, for each pattern v with squared singular value s^2."""
    patterns = load_patterns(job).astype(np.float64)
    residuals: Float64 = np.linalg.norm(result.product - patterns * result.squares, axis=0) / result.squares
    return residuals


def _require_exact(job: Job, residuals: Float64, energy: float) -> None:
    settings, worst = job.settings, int(residuals.argmax())
    if residuals[worst] > settings.tolerance:
        if job.plan.solver == "krylov":
            advice = f"raise --passes above {open_solver(job).passes_done()}, or --tolerance"
        else:
            advice = "it is too weak for float32: lower --rank, or raise --tolerance"
        raise EigenwaveError(
            f"Pattern {worst} is not exact: its residual is {residuals[worst]:.2g} where --tolerance allows "
            f"{settings.tolerance:.2g}; {advice}."
        )
    if settings.energy is not None and energy < settings.energy * (1 - settings.tolerance):
        raise EigenwaveError(
            f"Patterns that stand out from rounding hold {energy:.6f} of the energy; lower --energy below that."
        )
