"""Exact solvers by a Gram matrix: of the columns, or of the rows for few images with many coefficients.

If K = (W - 1 m')(W - 1 m')' = U S^2 U', the patterns are the columns of (W - 1 m')' U / S. Pass 1 computes K from every
pair of shards. Pass 2 combines the rows.
"""

import numpy as np

from storage.arrays.npy import load_npy, load_npy_rows, save_npy
from tasks.decompose.solver import Solver
from tasks.dtypes import Float32, Float64, Mask
from tasks.run.results import require_all
from tasks.run.state import load_mean, load_shard, require_finite
from tasks.svd.krylov import eigenpairs, orthonormalise, with_fixed_signs
from tasks.svd.products import centred, combine, gram, kernel, subtract_outer

KERNEL, COMBINE = 1, 2


class DualSolver(Solver):
    """The Gram matrix of the rows. Its state is the matrix by shards, the weights, and the combined rows."""

    def first_share(self, rows: Float32, used: Mask, mean: Float64) -> Float64:  # noqa: ARG002 - K needs pairs of shards
        """Return an empty share, since the matrix needs pairs of shards."""
        return np.zeros(0)

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Do nothing, since the shares are empty."""

    def next_pass(self) -> int | None:
        """Return the number of the kernel's pass, then that of the combination."""
        if not self.work.weights.exists():
            return KERNEL
        return None if self.work.combined.exists() else COMBINE

    def share(self, number: int, shard: int) -> Float64:
        """Compute the shard's rows of the kernel, or its share of the combination."""
        return self._kernel(shard) if number == KERNEL else self._combination(shard)

    def finish_pass(self, number: int, total: Float64) -> None:
        """Decompose the kernel into weights, or save the combination."""
        if number == COMBINE:
            save_npy(self.work.combined, total)
            return
        require_all(int(total[0]), len(self.job.plan.fitted_shards), "multiplied with the others")
        matrix = self._assembled()
        values, vectors = eigenpairs(matrix, self.rank, self.energy, self.seed)
        save_npy(self.work.weights, (vectors.T / np.sqrt(values)).astype(np.float32))

    def patterns(self) -> Float32:
        """Return the combined rows, orthonormalised to remove rounding errors."""
        basis = orthonormalise(load_npy(self.work.combined), [])
        return with_fixed_signs(basis.T.astype(np.float64)).astype(np.float32)

    def _kernel(self, shard: int) -> Float64:
        mean, own = load_mean(self.job), self._used_rows(shard)
        blocks = [kernel(own, self._used_rows(other), mean) for other in range(shard)]
        rows = np.concatenate([*blocks, kernel(own, own, mean)], axis=1)
        require_finite(rows, self.job, shard)
        save_npy(self.work.kernel(shard), rows)
        return np.ones(1)

    def _combination(self, shard: int) -> Float64:
        before = sum(int(self.job.used(other).sum()) for other in range(shard))
        used = self.job.used(shard)
        weights = load_npy_rows(self.work.weights, slice(before, before + int(used.sum())))
        rows, mean = centred(load_shard(self.job, shard), load_mean(self.job))
        product = combine(rows, used, weights, mean)
        require_finite(product, self.job, shard)
        return product

    def _used_rows(self, shard: int) -> Float32:
        used = self.job.used(shard)
        rows = load_shard(self.job, shard)
        return rows if used.all() else rows[used]

    def _assembled(self) -> Float64:
        parts = [load_npy(self.work.kernel(shard)) for shard in self.job.plan.fitted_shards]
        size = sum(len(part) for part in parts)
        matrix, start = np.empty((size, size)), 0
        for part in parts:
            stop = start + len(part)
            matrix[start:stop, :stop] = part
            matrix[:stop, start:stop] = part.T
            start = stop
        return matrix


class GramSolver(Solver):
    """The Gram matrix of the columns, which is also the state."""

    def first_share(self, rows: Float32, used: Mask, mean: Float64) -> Float64:
        """Compute the Gram matrix of a shard about the guessed mean."""
        return gram(rows, used, mean)

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Correct the matrix to the true mean, and save it."""
        subtract_outer(total, rows * error, error)
        save_npy(self.work.gram, total)

    def patterns(self) -> Float32:
        """Return the leading eigenvectors as rows (k, p)."""
        _, vectors = eigenpairs(load_npy(self.work.gram), self.rank, self.energy, self.seed)
        return with_fixed_signs(np.ascontiguousarray(vectors)).astype(np.float32)
