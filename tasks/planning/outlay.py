"""Estimate the tasks, bytes and seconds of each stage from the plan. Tests compare the estimates with real runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.dtypes import FLOAT32, FLOAT64, MIB, NUMBER
from tasks.planning.cost import FLOP_RATE, READ_RATE
from tasks.planning.memory import (
    COLUMNS,
    FAMILIES,
    association_shards,
    label_judge_bytes,
    neighbour_shards,
    result_bytes,
)
from tasks.statistics.mirror import SAMPLED as MIRRORED_SAMPLE
from tasks.statistics.neighbours import COUNT, MIRRORED, PATTERNS
from tasks.statistics.scatter import HELD_OUT_SHARE, patterns_kept

if TYPE_CHECKING:
    from tasks.planning.plan import Plan

# Work of one worker in a second, measured on one core of a small machine.
PIXEL_RATE = 4e7  # pixel values decoded from JPEG and transformed
JUDGES_READ = 2  # judges of labels that a task reads: of labels, and of held-out images
JUDGING_RATE = 6e6  # coefficients that labels are judged by
WRITE_RATE = 1e9  # bytes to disk or page cache
SCORE_RATE = 6e7  # scores, their squares or their ranks summed under one labelling
SUM_RATE = 7e8  # bytes of sums of classes made and added
TABLE_RATE = 5e7  # bytes of these sums turned into state and tables
COMPARE_RATE = 2.5e8  # images compared with a class, beside the operations of the comparison
PAIR_RATE = 2e8  # pairs of images whose scores are compared, as they are and mirrored
DRIVER_RATE = 1e5  # images listed, digested and tabulated by the driver, the process that runs the flow
SUMMED = 3  # scores, squares and ranks
LISTED_BYTES = 300  # held by this process for each image, with a key as long as a path
TASK_BYTES = 16_000  # held by scheduler and driver for each shard of a stage

# Run in the driver, not on workers.
DRIVER_STAGES = ("sample", "solve", "solve scales", "copies", "associate", "report")


@dataclass(frozen=True)
class Outlay:
    """The estimated cost of a stage.

    Attributes
    ----------
    tasks
        Number of tasks: one per shard and pass, except in association, where a task may take several shards.
    read, written
        Bytes of coefficients and scores, and of the blocks that each shard is multiplied by. Images and small sums are
        not counted.
    seconds
        Time of one worker, in seconds; divide it by the number of workers. Only the tables of association, most of it
        where classes are many and images few, are made by the driver.
    """

    tasks: int
    read: int
    written: int
    seconds: float


def outlays(plan: "Plan", permutations: int, passes: int | None, neighbours: int) -> dict[str, Outlay]:
    """Estimate the cost of each stage of a run.

    Parameters
    ----------
    plan
        The plan.
    permutations
        Number of label shuffles.
    passes
        Requested number of passes of the solver krylov, or None if they end at the tolerance.
    neighbours
        Largest number of images among which near-duplicates are looked for.
    """
    n, p, k = plan.row_count, plan.coefficients, plan.rank
    every, fitted = range(plan.shards), plan.fitted_shards
    solver = next(cost for cost in plan.costs(passes) if cost.solver == plan.solver)
    rank = plan.scale_rank(permutations)
    first = {"krylov": 4 * plan.block_width, "gram": p, "dual": 0}[plan.solver] * plan.fitted * p
    scales = plan.scale_operations * plan.fitted if rank and plan.solver != "gram" else 0
    pixels = plan.images * plan.height * plan.width * plan.channels
    judging = _outlay(
        0,
        written=plan.judging_bytes,
        flops=2 * plan.images * plan.judging_coefficients * plan.judging_rank,
        seconds=plan.images * plan.judging_coefficients / JUDGING_RATE,
    )

    def through(rows: int, shards: range, reads: float, columns: float, flops: float) -> Outlay:
        """Cost of `reads` readings of the coefficients, with `columns` columns of blocks read for each shard."""
        read = round(reads * (rows * p * plan.value_bytes + len(shards) * columns * p * FLOAT32))
        return _outlay(round(reads * len(shards)), read, flops=flops)

    # Patterns, the block that adds to them, and the patterns of scales.
    blocks = k * (2 if plan.solver == "krylov" else 1) + FAMILIES * rank
    flops = p * (
        n * 2 * k + plan.fitted * (4 if plan.solver == "krylov" else 2) * k + 4 * plan.fitted * FAMILIES * rank
    )
    projections = 1 + (solver.reads if plan.solver == "krylov" else 0)
    before = solver.reads if plan.solver == "dual" else 0
    tasks = len(association_shards(plan, permutations))
    return {
        "transform": replace(
            _outlay(
                plan.shards,
                written=plan.coefficient_bytes,
                flops=first + scales,
                seconds=pixels / PIXEL_RATE + judging.seconds,
            ),
            written=plan.coefficient_bytes + plan.judging_bytes,
            read=plan.shards * p * FLOAT32 * (plan.block_width if plan.solver == "krylov" else 0),
        ),
        "decompose": through(plan.fitted, fitted, before, 0, solver.flops if plan.solver == "dual" else 0),
        "project": replace(
            through(n, every, projections, blocks, projections * flops), written=round(projections * plan.score_bytes)
        ),
        "neighbours": _searching(plan) if plan.images <= neighbours else _outlay(0),
        "associate": _outlay(
            2 * tasks,
            2 * FLOAT32 * n * (k + plan.judging_rank)
            + tasks * JUDGES_READ * label_judge_bytes(plan)
            + result_bytes(plan, permutations)["summarise"],
            seconds=_association_seconds(plan, permutations),
        ),
    }


def _searching(plan: "Plan") -> Outlay:
    """Cost of the search for near-duplicates.

    The driver reads all scores three times, and writes those that are compared, also of mirror images. Each task reads
    its own, and twice those of all images, and of the later ones for mirror images.
    """
    tasks, n = len(neighbour_shards(plan)), plan.row_count
    compared = FLOAT32 * n * min(PATTERNS, plan.judged_rank)
    read = 3 * FLOAT32 * n * plan.judged_rank + (3 * tasks + 3) * compared
    decoded = min(plan.images, MIRRORED_SAMPLE) * plan.height * plan.width * plan.channels
    written = 2 * NUMBER * (COUNT + MIRRORED) * n + 2 * compared
    return _outlay(tasks, read, written=written, seconds=plan.images**2 / PAIR_RATE + decoded / PIXEL_RATE)


def _association_seconds(plan: "Plan", permutations: int) -> float:
    """Seconds to sum scores by class, to add sums up, to compare images with all classes, and to make tables."""
    results = result_bytes(plan, permutations)
    of_classes = results["summarise"] + results["judge"]
    kept = patterns_kept(plan.classes, plan.rank)
    # An image is compared by the quadratic classifier, a held-out one by that of shuffled labels and two linear ones.
    terms = (1 + HELD_OUT_SHARE) * kept * (kept + 3) / 2 + 2 * HELD_OUT_SHARE * plan.rank
    return (
        SUMMED * plan.row_count * plan.rank * (permutations + 1) / SCORE_RATE
        + len(association_shards(plan, permutations)) * of_classes / SUM_RATE
        + plan.row_count * plan.classes * (2 * terms / FLOP_RATE + 1 / COMPARE_RATE)
        + of_classes / TABLE_RATE
    )


def _outlay(tasks: int, read: int = 0, written: int = 0, flops: float = 0, seconds: float = 0) -> Outlay:
    """Add the seconds of bytes and operations to other seconds."""
    return Outlay(tasks, read, written, seconds + read / READ_RATE + written / WRITE_RATE + flops / FLOP_RATE)


def driver_memory(plan: "Plan", memory: Mapping[str, int]) -> int:
    """Bytes of the driver, which holds the names of all images and solves the summed matrices.

    Parameters
    ----------
    plan
        The plan.
    memory
        Projected peak bytes of each stage; see `tasks.planning.memory.stage_memory`.
    """
    solving = max(memory.get(stage, 0) for stage in DRIVER_STAGES)
    return solving + LISTED_BYTES * plan.images + TASK_BYTES * plan.shards


def worker_memory(memory: Mapping[str, int]) -> int:
    """Peak bytes of a worker, from the projected peak bytes of each stage."""
    return max(needed for stage, needed in memory.items() if stage not in DRIVER_STAGES)


def driver_seconds(plan: "Plan") -> float:
    """Seconds of the driver, for the work on each image that is not distributed."""
    return plan.images / DRIVER_RATE


IMAGE_BYTES = 600  # bytes of an image in tables, coordinates and state, and of its properties
REPORT = 24 * MIB  # bytes of page, figures and thumbnails
BLOCK = FLOAT32 + FLOAT64  # bytes of a value in the block that a pass multiplies, and in its product


def disk_bytes(plan: "Plan", permutations: int) -> dict[str, int]:
    """Estimate the bytes on disk, by content.

    Parameters
    ----------
    plan
        The plan.
    permutations
        Number of label shuffles.
    """
    n, p, k = plan.fitted, plan.coefficients, plan.rank
    pixels = plan.height * plan.width * plan.channels
    solving = {
        "krylov": BLOCK * p * (plan.block_width + (plan.passes - 1) * k),
        "gram": FLOAT64 * p * p,
        "dual": FLOAT64 * n * n + FLOAT32 * n * k,
    }[plan.solver]
    rank = plan.scale_rank(permutations)
    scales = FLOAT32 * (plan.scale_values + FAMILIES * p * rank) if rank else 0
    results = result_bytes(plan, permutations)
    merged = sum(size for stage, size in results.items() if stage not in {"transform", "pass"})
    return {
        "coefficients": plan.coefficient_bytes,
        "judging": plan.judging_bytes + FLOAT32 * plan.judging_coefficients * plan.judging_rank,
        "patterns and scores": plan.score_bytes + FLOAT32 * k * (p + pixels) + 2 * FLOAT64 * (p + pixels),
        "intermediate state": solving + scales + merged,
        "tables and report": IMAGE_BYTES * plan.row_count + COLUMNS * FLOAT64 * plan.classes * k + REPORT,
    }
