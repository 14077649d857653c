"""The Gram matrix of the columns, in one read: exact, for coefficients by the thousand."""

import numpy as np

from storage.arrays import load_array, save_array
from tasks.krylov import eigenpairs, with_fixed_signs
from tasks.products import Float32, Float64, Mask, gram, subtract_outer
from tasks.solve_shards import Solver


class GramSolver(Solver):
    """State: the matrix."""

    def first_share(self, rows: Float32, used: Mask) -> Float64:
        """The Gram matrix of a shard, about the guessed mean."""
        return gram(rows, used, load_array(self.paths.shift))

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Move the matrix to the true mean."""
        subtract_outer(total, rows * error, error)
        save_array(self.paths.gram, total)

    def patterns(self) -> Float32:
        """Leading eigenvectors."""
        settings = self.job.settings
        _, vectors = eigenpairs(load_array(self.paths.gram), self.rank, settings.energy, settings.seed)
        return with_fixed_signs(np.ascontiguousarray(vectors)).astype(np.float32)
