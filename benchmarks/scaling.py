"""Estimate the cost of runs on ten thousand to a billion images, for the table in docs/operating.md.

`python -m benchmarks.scaling`
"""

from flows.cli.plan_summary import MOST_SHARDS, duration, size
from storage.settings import Settings
from tasks.planning.outlay import driver_memory, worker_memory
from tasks.planning.outlook import Estimate, estimate_run

IMAGES = [10**power for power in range(4, 10)]
SIDES = [32, 64, 224]
SHARD_SIZE = 64 * 2**20
COLUMNS = (
    "images",
    "pixels",
    "shard size",
    "shards",
    "stored",
    "read",
    "time of one worker",
    "memory of a worker",
    "of the driver",
)


def sized(images: int, side: int) -> Estimate:
    """Estimate a run with the smallest shards whose number is within the limit."""
    shard_size = SHARD_SIZE
    while True:
        estimate = estimate_run(Settings(shard_size=shard_size), images, (side, side, 3), classes=10)
        if estimate.plan.shards <= MOST_SHARDS:
            return estimate
        shard_size *= 2


def row(images: int, side: int) -> tuple[str, ...]:
    """Return a line of the table."""
    estimate = sized(images, side)
    plan, outlays = estimate.plan, estimate.outlays.values()
    return (
        f"{images:.0e}".replace("e+0", "e"),
        f"{side} x {side}",
        size(plan.coefficient_bytes / plan.shards),
        f"{plan.shards:,}",
        size(plan.coefficient_bytes + plan.score_bytes + plan.judging_bytes),
        size(sum(outlay.read for outlay in outlays)),
        duration(sum(outlay.seconds for outlay in outlays)),
        size(worker_memory(estimate.memory)),
        size(driver_memory(plan, estimate.memory)),
    )


def table() -> str:
    """Return the whole table as Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row(images, side) for side in SIDES for images in IMAGES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table())
