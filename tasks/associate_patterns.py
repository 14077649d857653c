"""From the merged sums to the tables of patterns, pairs and learnability."""

import dataclasses
import json

import numpy as np

from storage.errors import EigenwaveError
from storage.files import replacing
from storage.tables import TABLES, write_table
from tasks.association import (
    ClassSums,
    Control,
    PairStatistics,
    Variance,
    adjusted,
    control,
    expected_null,
    learnability,
    pairs,
    significant,
    variance,
)
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.keep_state import Totals, load_patterns, read_totals
from tasks.open_solver import open_solver
from tasks.products import Float64
from tasks.project_shard import Projection

P95 = 95


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
    _require_exact(job, residuals, float(np.trace(result.sums.cross)) / read_totals(job).energy)
    arrays = {field.name: getattr(result.sums, field.name) for field in dataclasses.fields(ClassSums)}
    with replacing(job.paths.projection) as partial, partial.open("wb") as file:
        np.savez(file, residuals=residuals, **arrays)


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


@single_threaded
def associate_patterns(job: Job) -> None:
    """Write the tables `patterns`, `pattern_class` and `learnability`."""
    with np.load(job.paths.projection) as arrays:
        sums = ClassSums(**{field.name: arrays[field.name] for field in dataclasses.fields(ClassSums)})
        residuals = arrays["residuals"]
    totals = read_totals(job)
    names = json.loads(job.paths.plan.read_bytes())["classes"]
    true = variance(sums.counts, sums.sums, sums.cross)
    shuffled = control(sums)
    by_pair = pairs(sums, true.within)
    metadata = {"run_id": job.run_id, "dataset_digest": totals.dataset_digest}
    columns = {
        "patterns": _patterns(sums, true, shuffled, by_pair, residuals, totals, names),
        "pattern_class": _pattern_class(sums, by_pair, names),
        "learnability": _learnability(sums, true, shuffled),
    }
    for name, content in columns.items():
        write_table(job.paths.table(name), TABLES[name], content, metadata)


def _residuals(job: Job, result: Projection) -> Float64:
    """Norm of G v - s^2 v over s^2, for each pattern v with squared singular value s^2."""
    squares = np.diagonal(result.sums.cross)
    patterns = load_patterns(job).astype(np.float64)
    residuals: Float64 = np.linalg.norm(result.product - patterns * squares, axis=0) / squares
    return residuals


def _patterns(  # noqa: PLR0913, PLR0917 - one table from all that is known of patterns
    sums: ClassSums,
    true: Variance,
    shuffled: Control,
    by_pair: PairStatistics,
    residuals: Float64,
    totals: Totals,
    names: list[str],
) -> dict[str, object]:
    squares = np.diagonal(sums.cross)
    effects = np.abs(by_pair.cohens_d)
    top = np.where(np.isnan(effects), -1, effects).argmax(axis=1)
    return {
        "pattern": np.arange(len(squares), dtype=np.int32),
        "singular_value": np.sqrt(squares),
        "energy_share": squares / totals.energy,
        "cumulative_energy": np.cumsum(squares) / totals.energy,
        "residual": residuals,
        "eta_squared": true.eta_squared,
        "omega_squared": true.omega_squared,
        "f_statistic": true.f_statistic,
        "p_value": true.p_value,
        "q_value": true.q_value,
        "null_eta_squared_max": shuffled.eta_squared.max(axis=0),
        "null_eta_squared_p95": np.percentile(shuffled.eta_squared, P95, axis=0),
        "top_class": [names[class_id] for class_id in top],
    }


def _pattern_class(sums: ClassSums, by_pair: PairStatistics, names: list[str]) -> dict[str, object]:
    classes, rank = sums.sums.shape
    return {
        "pattern": np.repeat(np.arange(rank, dtype=np.int32), classes),
        "class_id": np.tile(np.arange(classes, dtype=np.int32), rank),
        "class_name": names * rank,
        "n": np.tile(sums.counts, rank),
    } | {field.name: getattr(by_pair, field.name).ravel() for field in dataclasses.fields(by_pair)}


def _learnability(sums: ClassSums, true: Variance, shuffled: Control) -> dict[str, object]:
    n, rank = int(sums.counts.sum()), sums.sums.shape[1]
    value, null = learnability(sums.counts, sums.sums, sums.cross), expected_null(rank, n)
    row = {
        "learnability": value,
        "learnability_adjusted": adjusted(value, null),
        "expected_null": null,
        "shuffled_mean": shuffled.learnability.mean(),
        "shuffled_p95": np.percentile(shuffled.learnability, P95),
        "shuffled_max": shuffled.learnability.max(),
        "significant_patterns": significant(true),
        "shuffled_significant_mean": shuffled.significant.mean(),
        "shuffled_significant_max": shuffled.significant.max(),
        "permutations": len(shuffled.learnability),
        "n": n,
        "classes": (sums.counts > 0).sum(),
        "rank": rank,
    }
    return {name: [entry] for name, entry in row.items()}
