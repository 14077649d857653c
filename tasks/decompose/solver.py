"""What a solver is: a way to the leading eigenvectors of G = (W - 1 m')' (W - 1 m'), the rows of W lying in shards."""

from tasks.dtypes import Float32, Float64, Mask
from tasks.run.job import Job


class Solver:
    """A solver that is done after the first pass, which is part of the transform; others override more.

    Solvers hold nothing between calls: their state is in the run's work folder, and each file is written when all
    that it stands on is there, so that a killed run continues with the pass it was in. A share is an array; shares
    add up.

    Parameters
    ----------
    job
        The run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.work = job.paths.work

    def begin(self) -> None:
        """Driver: prepare the first pass."""

    def first_share(self, rows: Float32, used: Mask) -> Float64:
        """Worker: the share of a shard's used rows (n, p) in the first pass, about the guessed mean."""
        raise NotImplementedError

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Driver: take the sum of all shares; `rows` count, and the guessed mean is the true one less `error` (p,)."""
        raise NotImplementedError

    def next_pass(self) -> int | None:
        """Driver: the next pass, or None if there is enough to go on."""
        return None

    def share(self, number: int, shard: int) -> Float64:
        """Worker: a shard's share of a later pass."""
        raise NotImplementedError

    def finish_pass(self, number: int, total: Float64) -> None:
        """Driver: take the sum of all shares of a later pass."""
        raise NotImplementedError

    def patterns(self) -> Float32:
        """Driver: the leading eigenvectors as rows (k, p), or fewer than wanted if the numerical rank is less."""
        raise NotImplementedError

    @property
    def rank(self) -> int | None:
        """Patterns wanted, None if they are given by energy."""
        return None if self.energy else self.job.plan.rank

    @property
    def energy(self) -> float | None:
        """Part of the energy that the patterns are to hold, None if they are given by rank."""
        return self.job.settings.decomposition.energy

    @property
    def seed(self) -> int:
        """Seed of all that is random."""
        return self.job.settings.association.seed
