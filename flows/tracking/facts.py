"""Facts about a stage for people who watch a run: text, numbers, and pictures of the results."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from storage.runs.run import Run
from storage.tables.parquet import read_table
from tasks.compare.gates import Gate
from tasks.compare.runs import Comparison
from tasks.dtypes import FLOAT32, MIB, Float32, UInt8
from tasks.report.picture_files import Picture, encode_pictures
from tasks.report.pixels import energy, reduced, signed
from tasks.run.job import Job
from tasks.run.results import Projected
from tasks.run.state import load_state, read_totals

DRAWN = 16  # patterns, or classes, in a picture
ACROSS = 8
PIXELS = 96
LISTED = 20  # rejected images

Facts = dict[str, str]


def plan_facts(job: Job) -> Facts:
    """Facts of the plan: what the run is going to do."""
    plan, energy = job.plan, job.settings.decomposition.energy
    shape = f"{plan.width} x {plan.height} x {plan.channels}"
    return {
        **({"images": f"{plan.images:,} of {shape}"} if job.space.pictured else {"rows": f"{plan.images:,}"}),
        "fitted on": f"{plan.fitted:,} of split {job.fitted_split}",
        "shards": f"{plan.shards:,} of up to {plan.rows_per_shard:,} images",
        "coefficients": f"{plan.coefficients:,} an image, {plan.coefficient_bytes / MIB:,.1f} MiB",
        "patterns": f"{plan.rank}" if energy is None else f"{energy:.1%} of the energy",
        "solver": plan.solver,
        "starts from": job.warm_start or "a sample of the images",
    }


def transform_facts(job: Job, seconds: float) -> Facts:
    """Speed of the transform in `seconds` of wall time, and the number of rejected images."""
    totals = read_totals(job)
    return {
        "images a second": f"{job.plan.images / seconds:,.0f}",
        "coefficients": f"{job.plan.coefficient_bytes / MIB:,.1f} MiB, {_rate(job.plan.coefficient_bytes, seconds)}",
        "rejected images": f"{totals.rejected:,} of {job.plan.images:,}",
        "images fitted on": f"{totals.fitted:,}",
        "energy about the mean": f"{totals.energy:.6g}",
        "digest of the dataset": totals.dataset_digest[:12],
    }


def rejects(job: Job) -> list[dict[str, str]]:
    """Count rejected images for each reason, and name the first ones; empty if none was rejected."""
    reasons: Counter[str] = Counter()
    first: list[dict[str, str]] = []
    for shard in range(job.plan.shards):
        for row in job.part(shard, ["key", "reason", "detail"]).to_pylist():
            if row["reason"] is not None:
                reasons[row["reason"]] += 1
                if len(first) < LISTED:
                    first.append(row)
    return [{"key": f"{count:,} images", "reason": reason, "detail": ""} for reason, count in reasons.items()] + first


def pass_facts(job: Job, seconds: float) -> Facts:
    """Speed of a pass over the fitted images in `seconds` of wall time."""
    size = FLOAT32 * job.plan.fitted * job.plan.coefficients
    return {
        "shards": f"{len(job.plan.fitted_shards):,}",
        "coefficients read": f"{size / MIB:,.1f} MiB, {_rate(size, seconds)}",
        "images a second": f"{job.plan.fitted / seconds:,.0f}",
    }


def projection_facts(job: Job, seconds: float) -> Facts:
    """Accuracy and energy of the patterns; the projection took `seconds` of wall time."""
    projected, totals = load_state(job.paths.work.projection, Projected), read_totals(job)
    return {
        "patterns": f"{len(projected.squares)}",
        "energy held": f"{projected.squares.sum() / totals.energy:.2%}",
        "largest residual": f"{projected.residuals.max():.1e}, {job.settings.decomposition.tolerance:g} allowed",
        "images a second": f"{job.plan.images / seconds:,.0f}",
    }


def learnability_facts(job: Job) -> list[dict[str, str]]:
    """Learnability and related measures, each beside its values by chance and with shuffled labels."""
    row = read_table(job.paths.table("learnability")).to_pylist()[0]
    table = {
        "learnability": ("learnability", "expected_null", "shuffled_mean", "shuffled_max"),
        "of the mean color alone": ("colour_learnability", None, None, "colour_shuffled_max"),
        "heterogeneity": ("heterogeneity", "heterogeneity_expected", "heterogeneity_shuffled", None),
        "patterns with q < 0.05": (
            "significant_patterns",
            None,
            "shuffled_significant_mean",
            "shuffled_significant_max",
        ),
    }
    columns = ("labels", "by chance", "shuffled, mean", "shuffled, most")
    return [
        {"measure": name}
        | {column: _number(row[field] if field else None) for column, field in zip(columns, fields, strict=True)}
        for name, fields in table.items()
    ]


def drift_facts(comparison: Comparison, gates: Sequence[Gate]) -> list[dict[str, str]]:
    """Changes since an earlier run, each beside its gates."""
    names = {"new_classes": comparison.new_classes, "vanished_classes": comparison.vanished_classes}
    return [
        {
            "change": name,
            "value": _change(value),
            "which": ", ".join(names.get(name, ())[:LISTED]),
            "fails if": ", ".join(str(gate) for gate in gates if gate.name == name),
            "gate": _passed([gate.passes(comparison.summary) for gate in gates if gate.name == name]),
        }
        for name, value in comparison.summary.items()
    ]


def _change(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value + 0.0:.4g}"  # + 0.0 turns -0 into 0


def _passed(each: Sequence[bool]) -> str:
    return "" if not each else "passed" if all(each) else "FAILED"


def draw_patterns(job: Job) -> bytes:
    """Draw the leading patterns as a PNG, as in the report: with signs, or as maps of their strength."""
    run, total = Run(job.paths), read_totals(job).energy
    squares = load_state(job.paths.work.projection, Projected).squares[:DRAWN]
    images = [(run.pattern_image(j), f"{j}: {share:.1%}") for j, share in enumerate(squares / total)]
    return _sheet(images, signed if job.space.invertible else energy)


def draw_classes(job: Job) -> bytes:
    """Draw the pattern that best separates each class from the rest, as a PNG.

    Empty if no class has such a pattern, or if patterns cannot be drawn as images.
    """
    if not job.space.invertible:
        return b""
    run = Run(job.paths)
    rows = read_table(job.paths.table("class_patterns"), ["class_id", "class_name", "number"]).to_pylist()
    named = {row["class_id"]: str(row["class_name"]) for row in rows if row["number"] == 0}
    images = [(run.class_pattern_image(number), name[:14]) for number, name in list(named.items())[:DRAWN]]
    return _sheet([(image, name) for image, name in images if np.isfinite(image).all()], signed)


def _sheet(images: Sequence[tuple[np.ndarray, str]], drawn: Callable[[Float32], UInt8]) -> bytes:
    pictures = [Picture(drawn(reduced(image, PIXELS)) / 255, label) for image, label in images]
    rows = [pictures[start : start + ACROSS] for start in range(0, len(pictures), ACROSS)]
    return encode_pictures(rows) if rows else b""


def _rate(size: float, seconds: float) -> str:
    return f"{size / MIB / seconds:,.1f} MiB/s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
