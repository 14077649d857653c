"""The interface of a solver, which computes the leading eigenvectors of G = (W - 1 m')' (W - 1 m').

The rows of W are the images' coefficients, stored in shards; m is their mean.
"""

from tasks.dtypes import Float32, Float64, Mask
from tasks.run.job import Job


class Solver:
    """A solver. This base class ends after the first pass, which is part of the transform; others override more.

    Solvers hold no state between calls: it lies in the run's work folder. Each file is written after the files that it
    depends on, so that a killed run continues with its last pass. A share is an array, and the shares of all shards are
    added up.

    Parameters
    ----------
    job
        The run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.work = job.paths.work

    def begin(self, sample: Float32) -> None:
        """Driver: prepare the first pass, from a sample of rows less their mean (s, p)."""

    def first_share(self, rows: Float32, used: Mask, mean: Float64) -> Float64:
        """Worker: the share of a shard's used rows (n, p) in the first pass, about a mean (p,)."""
        raise NotImplementedError

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Driver: take the sum of all shares of `rows` rows; the guessed mean is the true mean minus `error` (p,)."""
        raise NotImplementedError

    def next_pass(self) -> int | None:
        """Driver: the number of the next pass before the projection, or None if no more is needed."""
        return None

    def share(self, number: int, shard: int) -> Float64:
        """Worker: a shard's share of such a pass."""
        raise NotImplementedError

    def finish_pass(self, number: int, total: Float64) -> None:
        """Driver: take the sum of all shares of such a pass."""
        raise NotImplementedError

    def patterns(self) -> Float32:
        """Driver: the leading eigenvectors as rows (k, p); fewer than wanted if the numerical rank is lower."""
        raise NotImplementedError

    def further_block(self, patterns: Float32) -> Float32 | None:
        """Driver: the block (p, l) to multiply while images are projected on patterns (p, k); None: the patterns."""
        del patterns
        return None

    def images_of(self, patterns: Float32, number: int, product: Float64) -> Float64:
        """Driver: G V (p, k) for the patterns V of projection `number`, from the product of its block."""
        del patterns, number
        return product

    @property
    def rank(self) -> int | None:
        """Number of patterns wanted, or None if the setting energy decides."""
        return None if self.energy else self.job.plan.rank

    @property
    def energy(self) -> float | None:
        """Fraction of the energy that the patterns must hold, or None if the rank decides."""
        return self.job.settings.decomposition.energy

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        return self.job.settings.association.seed
