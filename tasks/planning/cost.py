"""Choose a solver by a small model of the bytes that each reads and the operations that it does."""

from dataclasses import dataclass

from tasks.dtypes import FLOAT32

LIKELY_PASSES = 4  # of image data, when passes end at the tolerance
# Work of one worker in a second; only the ratio matters, and only near a tie.
READ_RATE = 1e9  # bytes from disk or page cache
FLOP_RATE = 5e10  # float32 operations of a matrix product
LARGEST_GRAM = 8192  # coefficients: 512 MiB for the Gram matrix of the columns
LARGEST_DUAL = 8192  # images: 512 MiB for the Gram matrix of the rows

NAMES = ("krylov", "gram", "dual")


@dataclass(frozen=True)
class Cost:
    """The estimated cost of a solver.

    Attributes
    ----------
    solver
        Name of the solver, one of `NAMES`.
    reads
        Number of times that all coefficients are read, without the first pass, which is part of the transform.
    flops
        Number of floating-point operations.
    seconds
        Estimated time of one worker, in seconds.
    obstacle
        Reason why the solver cannot be used, or None.
    """

    solver: str
    reads: float
    flops: float
    seconds: float
    obstacle: str | None


def costs(*, images: int, coefficients: int, width: int, passes: int | None, shards: int) -> list[Cost]:
    """Estimate the cost of each solver.

    Parameters
    ----------
    images, coefficients
        Number of rows n and of columns p of the matrix.
    width
        Number of columns l of a block in the block Krylov iteration.
    passes
        Number of passes of the block Krylov iteration, or None if they end at the tolerance.
    shards
        Number of shards that hold the rows.
    """
    n, p = images, coefficients
    passes = min(passes or LIKELY_PASSES, -(-p // width))
    pairs = shards * (shards + 1) / 2
    estimates = {
        # Each pass multiplies by the block and by its transpose.
        "krylov": (passes - 1, 4 * n * p * width * passes, None),
        # A symmetric product of the columns, computed during the transform.
        "gram": (0, n * p * p, f"{p} coefficients, above {LARGEST_GRAM}" if p > LARGEST_GRAM else None),
        # A symmetric product of the rows, every pair of shards, and one pass to turn its vectors into patterns.
        "dual": (
            pairs / shards * 2 + 1,
            n * n * p + 2 * n * p * width,
            f"{n} images, above {LARGEST_DUAL}" if n > LARGEST_DUAL else None,
        ),
    }
    size = FLOAT32 * n * p
    return [
        Cost(name, reads, flops, reads * size / READ_RATE + flops / FLOP_RATE, obstacle)
        for name, (reads, flops, obstacle) in estimates.items()
    ]


def choose(candidates: list[Cost], wanted: str) -> str:
    """Return the wanted solver or, for `auto`, the cheapest that can be used.

    Raises
    ------
    ValueError
        If the wanted solver cannot be used.
    """
    by_name = {cost.solver: cost for cost in candidates}
    if wanted != "auto":
        if by_name[wanted].obstacle:
            raise ValueError(
                f"The solver {wanted} cannot be used: {by_name[wanted].obstacle}; set --solver krylov or auto."
            )
        return wanted
    return min((cost for cost in candidates if cost.obstacle is None), key=lambda cost: cost.seconds).solver
