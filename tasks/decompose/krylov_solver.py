"""Block Krylov iteration over shards. A pass multiplies a block by the Gram matrix and reads every shard once."""

from collections.abc import Sequence

import numpy as np

from storage.arrays.npy import load_npy, save_npy
from storage.errors import EigenwaveError
from storage.runs.run import open_run
from tasks.decompose.solver import Solver
from tasks.dtypes import Float32, Float64, Mask
from tasks.run.state import load_mean, load_shard, passes_done, read_totals, require_finite
from tasks.svd.krylov import (
    NOISE,
    eigenvectors,
    movement,
    nystrom,
    orthonormalise,
    predicted_residual,
    random_block,
    rank_for,
)
from tasks.svd.products import centred, multiply, recentred


class KrylovSolver(Solver):
    """The block Krylov iteration. Its state is the block and the product of each pass."""

    def begin(self) -> None:
        """Write the first block: the patterns of the run to start from, if any, and random columns."""
        plan = self.job.plan
        block = random_block(plan.coefficients, plan.block_width, self.seed)
        if self.job.warm_start:
            patterns = np.asarray(open_run(self.job.warm_start).patterns[: plan.rank])
            block[:, : len(patterns)] = patterns.T
        save_npy(self.work.basis(0), orthonormalise(block, []))

    def first_share(self, rows: Float32, used: Mask) -> Float64:
        """Compute the product with the first block about the guessed mean."""
        rows, shift = centred(rows, load_npy(self.work.shift))
        return multiply(rows, used, load_npy(self.work.basis(0)), shift)

    def finish_first(self, total: Float64, rows: int, error: Float64) -> None:
        """Correct the first product to the true mean, and prepare the next pass."""
        self.finish_pass(0, recentred(total, load_npy(self.work.basis(0)), rows, error))

    def next_pass(self) -> int | None:
        """Return the first pass that has a block but no product."""
        number = passes_done(self.job)
        return number if self.work.basis(number).exists() else None

    def share(self, number: int, shard: int) -> Float64:
        """Compute the shard's share of the product with a pass's block."""
        rows, mean = centred(load_shard(self.job, shard), load_mean(self.job))
        product = multiply(rows, self.job.used(shard), load_npy(self.work.basis(number)), mean)
        require_finite(product, self.job, shard)
        return product

    def finish_pass(self, number: int, total: Float64) -> None:
        """Write the next pass's block if another pass is needed and adds new directions; write the product last."""
        bases = [load_npy(self.work.basis(earlier)) for earlier in range(number + 1)]
        room = self.job.plan.coefficients - sum(basis.shape[1] for basis in bases)
        if room and number + 1 < self.job.plan.passes and not self._converged(number, bases, total):
            block = orthonormalise(total[:, :room].copy(), bases)
            if block.shape[1]:
                save_npy(self.work.basis(number + 1), block)
        save_npy(self.work.product(number), total)

    def patterns(self) -> Float32:
        """Return the wanted number of eigenvectors, computed from all passes."""
        numbers = range(passes_done(self.job))
        bases = [load_npy(self.work.basis(number)) for number in numbers]
        products = [load_npy(self.work.product(number)) for number in numbers]
        values, coefficients = nystrom(bases, products)
        wanted = self._wanted(values)
        if wanted is None:
            raise EigenwaveError(
                f"{len(numbers)} passes did not reach {self.energy} of the energy; raise --passes, lower --energy, or "
                "set --solver gram."
            )
        return eigenvectors(products, coefficients[:, :wanted])

    def _wanted(self, values: Float64) -> int | None:
        """Number of patterns wanted, or None if the reliable ones hold too little energy.

        The last `oversample` columns are not reliable until the passes span all coefficients, or all energy.
        """
        if self.energy is None:
            return self.job.plan.rank
        total = read_totals(self.job).energy
        complete = len(values) == self.job.plan.coefficients or values.sum() > (1 - NOISE) * total
        spare = 0 if complete else self.job.settings.decomposition.oversample
        return rank_for(self.energy, values[: len(values) - spare], total)

    def _converged(self, number: int, bases: Sequence[Float32], product: Float64) -> bool:
        """Whether the predicted residual is below the tolerance. Always false if the number of passes is fixed."""
        asked = self.job.settings.decomposition
        if asked.passes != "auto":
            return False
        products = [load_npy(self.work.product(earlier)) for earlier in range(number)]
        values, _ = nystrom(bases, [*products, product])
        save_npy(self.work.values(number), values)
        wanted = self._wanted(values)
        if wanted is None:
            return False
        history = [load_npy(self.work.values(earlier)) for earlier in range(max(0, number - 2), number)]
        moved, moved_before = (
            movement(later, earlier, wanted)
            for later, earlier in ((values, _last(history, 1)), (_last(history, 1), _last(history, 2)))
        )
        return predicted_residual(moved, moved_before) < asked.tolerance


def _last(history: Sequence[Float64], back: int) -> Float64:
    """Return the entry `back` places from the end, or an empty array if there are fewer."""
    return history[-back] if len(history) >= back else np.empty(0)
