"""Choose a solver by a small model of the bytes that each reads and the operations that it does."""

from dataclasses import dataclass

from tasks.dtypes import FLOAT32

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
        Number of times that all coefficients are read, beside the first pass, which is part of the transform, and the
        projection, which every solver needs.
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


def costs(  # noqa: PLR0913 - each by its name
    *, images: int, coefficients: int, rank: int, width: int, passes: int, shards: int, scale_operations: int = 0
) -> list[Cost]:
    """Estimate the cost of each solver.

    Parameters
    ----------
    images, coefficients
        Number of rows n and of columns p of the matrix.
    rank, width
        Number of patterns k, and of columns l of the first block of the Krylov iteration.
    passes
        Number of passes of the Krylov iteration.
    shards
        Number of shards that hold the rows.
    scale_operations
        Operations for each image that the decomposition of scales needs; the Gram matrix of the columns holds theirs.
    """
    n, p = images, coefficients
    further = passes - 1
    pairs = shards * (shards + 1) / 2
    estimates = {
        # Each pass multiplies by the block and by its transpose, and a further one projects on patterns too.
        "krylov": (further, 4 * n * p * width + 6 * n * p * rank * further + n * scale_operations, None),
        # A symmetric product of the columns, computed during the transform.
        "gram": (0, n * p * p, f"{p} coefficients, above {LARGEST_GRAM}" if p > LARGEST_GRAM else None),
        # A symmetric product of the rows, every pair of shards, and one pass to turn its vectors into patterns.
        "dual": (
            pairs / shards * 2 + 1,
            n * n * p + 2 * n * p * rank + n * scale_operations,
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
