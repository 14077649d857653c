"""Exact solvers: the Gram matrix of the columns, and that of the rows, for few images with many coefficients.

If K = (W - 1 m')(W - 1 m')' = U S^2 U', the patterns are the columns of (W - 1 m')' U / S: pass 1 makes K from every
pair of shards, pass 2 combines the rows.
"""

import numpy as np

from storage.arrays.npy import load_npy, load_npy_rows, save_npy
from tasks.decompose.solver import Solver
from tasks.dtypes import Float32, Float64, Mask
from tasks.run.results import require_all
from tasks.run.state import load_mean, load_shard, require_finite
from tasks.svd.krylov import eigenpairs, orthonormalise, with_fixed_signs
from tasks.svd.products import combine, gram, kernel, subtract_outer

KERNEL, COMBINE = 1, 2


class DualSolver(Solver):
    """State: the matrix by shards, the weights, the combined rows."""

    def first_share(self, rows: Float32, used: Mask) -> Float64:  # noqa: ARG002 - one shard alone gives nothing
        """Nothing: it takes pairs of shards."""
        return np.zeros(0)

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Nothing to keep."""

    def next_pass(self) -> int | None:
        """The kernel, then the combination."""
        if not self.work.weights.exists():
            return KERNEL
        return None if self.work.product(COMBINE).exists() else COMBINE

    def share(self, number: int, shard: int) -> Float64:
        """The shard's rows of the kernel, or its share of the combination."""
        return self._kernel(shard) if number == KERNEL else self._combination(shard)

    def finish_pass(self, number: int, total: Float64) -> None:
        """Decompose the kernel into weights, or keep the combination."""
        if number == COMBINE:
            save_npy(self.work.product(COMBINE), total)
            return
        require_all(int(total[0]), len(self.job.plan.fitted_shards), "multiplied with the others")
        matrix = self._assembled()
        values, vectors = eigenpairs(matrix, self.rank, self.energy, self.seed)
        save_npy(self.work.weights, (vectors.T / np.sqrt(values)).astype(np.float32))

    def patterns(self) -> Float32:
        """The combined rows, made orthonormal to the last digit."""
        basis = orthonormalise(load_npy(self.work.product(COMBINE)), [])
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
        product = combine(load_shard(self.job, shard), used, weights, load_mean(self.job))
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
    """State: the matrix."""

    def first_share(self, rows: Float32, used: Mask) -> Float64:
        """The Gram matrix of a shard, about the guessed mean."""
        return gram(rows, used, load_npy(self.work.shift))

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Move the matrix to the true mean."""
        subtract_outer(total, rows * error, error)
        save_npy(self.work.gram, total)

    def patterns(self) -> Float32:
        """Leading eigenvectors."""
        _, vectors = eigenpairs(load_npy(self.work.gram), self.rank, self.energy, self.seed)
        return with_fixed_signs(np.ascontiguousarray(vectors)).astype(np.float32)
