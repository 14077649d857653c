"""The bytes that a run takes on disk until it is sealed: a pure sum over its plan; tests hold runs to it."""

from typing import TYPE_CHECKING

from tasks.memory import COLUMNS, FAMILIES, MIB, result_bytes
from tasks.scales import OVERSAMPLE
from tasks.scales import PASSES as SCALE_PASSES
from tasks.solver import FLOAT32, FLOAT64

if TYPE_CHECKING:
    from tasks.plan import Plan

IMAGE_BYTES = 400  # of each image's lines in tables and in state
REPORT = 24 * MIB  # page, figures and thumbnails
BLOCK = FLOAT32 + FLOAT64  # of a value in the block that a pass multiplies, and in its product


def disk_bytes(plan: "Plan", permutations: int) -> dict[str, int]:
    """Bytes on disk, by what they are.

    Parameters
    ----------
    plan
        The plan.
    permutations
        Label shuffles.
    """
    n, p, k = plan.fitted, plan.coefficients, plan.rank
    pixels = plan.height * plan.width * plan.channels
    solving = {
        "krylov": BLOCK * plan.passes * p * plan.block_width,
        "gram": FLOAT64 * p * p,
        "dual": FLOAT64 * n * n + FLOAT32 * n * k,
    }[plan.solver]
    rank = plan.scale_rank(permutations)
    scales = FAMILIES * p * (BLOCK * SCALE_PASSES * (rank + OVERSAMPLE) + FLOAT32 * rank) if rank else 0
    results = result_bytes(plan, permutations)
    merged = sum(size for stage, size in results.items() if stage not in {"transform", "pass", "scale pass"})
    return {
        "coefficients": plan.coefficient_bytes,
        "patterns and scores": plan.score_bytes + FLOAT32 * k * (p + pixels) + 2 * FLOAT64 * (p + pixels),
        "intermediate state": solving + scales + merged,
        "tables and report": IMAGE_BYTES * plan.row_count + COLUMNS * FLOAT64 * plan.classes * k + REPORT,
    }
