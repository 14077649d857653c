"""Block Krylov iteration over shards: a first pass during the transform, and more while patterns are not exact."""

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from storage.runs.run import open_run
from tasks.decompose.solver import Solver
from tasks.dtypes import Float32, Float64, Mask
from tasks.run.state import passes_done, read_totals
from tasks.svd.krylov import (
    NOISE,
    eigenvectors,
    filled_up,
    images_of,
    nystrom,
    orthonormalise,
    rank_for,
    sample_block,
)
from tasks.svd.products import multiply, recentred

UNRELIABLE = 20  # last columns of a block, whose eigenvalues do not decide how many hold an energy


class KrylovSolver(Solver):
    """The block Krylov iteration. Its state is the block and the product of each pass."""

    def begin(self, sample: Float32) -> None:
        """Write the first block: the patterns of the run to start from, if any, and leading directions of a sample."""
        width = self.job.plan.block_width
        block = sample_block(sample, width, self.seed)
        if self.job.warm_start:
            patterns = np.asarray(open_run(self.job.warm_start).patterns[: self.job.plan.rank], np.float64)
            known = orthonormalise(patterns.T.copy(), [])
            new = orthonormalise(block.astype(np.float64), [known])[:, : width - known.shape[1]]
            block = filled_up(np.concatenate([known, new], axis=1), width, self.seed)
        save_npy(self.work.block(0), block)

    def first_share(self, rows: Float32, used: Mask, mean: Float64) -> Float64:
        """Compute the product with the first block about the guessed mean."""
        return multiply(rows, used, load_npy(self.work.block(0)), mean)

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Correct the first product to the true mean."""
        save_npy(self.work.product(0), recentred(total, load_npy(self.work.block(0)), rows, error))

    def patterns(self) -> Float32:
        """Return the wanted number of eigenvectors, or all reliable ones if more are wanted, from all passes."""
        blocks, products = self._passes(passes_done(self.job))
        values, coefficients = nystrom(blocks, products)
        return eigenvectors(products, coefficients[:, : self._wanted(values)])

    def further_block(self, patterns: Float32) -> Float32:
        """Return what the patterns add to the blocks of all passes, at most as many columns as complete them."""
        blocks, _ = self._passes(passes_done(self.job))
        room = len(patterns) - sum(block.shape[1] for block in blocks)
        return orthonormalise(patterns.astype(np.float64), blocks)[:, :room]

    def images_of(self, patterns: Float32, number: int, product: Float64) -> Float64:
        """Combine the products of all passes, since the blocks span the patterns."""
        blocks, products = self._passes(number)
        return images_of(patterns, [*blocks, load_npy(self.work.block(number))], [*products, product])

    def _passes(self, count: int) -> tuple[list[Float32], list[Float64]]:
        """Blocks and products of the first `count` passes."""
        numbers = range(count)
        blocks = [load_npy(self.work.block(number)) for number in numbers]
        return blocks, [load_npy(self.work.product(number)) for number in numbers]

    def _wanted(self, values: Float64) -> int:
        """Number of patterns wanted; if the reliable ones hold too little energy, all of them."""
        if self.energy is None:
            return self.job.plan.rank
        total = read_totals(self.job).energy
        complete = len(values) == self.job.plan.coefficients or values.sum() > (1 - NOISE) * total
        reliable = len(values) if complete else max(1, len(values) - UNRELIABLE)
        return rank_for(self.energy, values[:reliable], total) or reliable
