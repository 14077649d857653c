"""The plan of a run, computed from counts and settings before the run begins."""

from dataclasses import dataclass, replace
from typing import Self

from storage.runs.layout import PlanRecord
from storage.setting_groups import Decomposition
from tasks.dtypes import FLOAT32, NUMBER
from tasks.planning.cost import Cost, choose, costs
from tasks.statistics.sums import BUDGET
from tasks.wavelet.bands import families
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import deepest_level

DEFAULT_RANK = 64
MOST_PASSES = 10  # when passes end at the tolerance
MOST_PATTERNS = 16  # of a scale; few, so that scales with few and with many columns can be compared


@dataclass(frozen=True)
class Plan(PlanRecord):
    """The plan of a run: the numbers in plan.json, and others derived from them."""

    @classmethod
    def make(  # noqa: PLR0913 - each by its name
        cls,
        *,
        images: int,
        fitted: int,
        classes: int,
        space: CoefficientSpace,
        decomposition: Decomposition,
        shard_size: int,
        value_bytes: int = FLOAT32,
    ) -> Self:
        """Plan a run.

        Parameters
        ----------
        images, fitted, classes
            Number of images, of images that patterns are fitted on, and of classes.
        space
            Space of the coefficients.
        decomposition
            Settings for the number of patterns and the solver.
        shard_size, value_bytes
            Largest size of a shard in bytes, as float32, and bytes of a coefficient on disk.

        Raises
        ------
        ValueError
            If the settings do not fit the images. The message has the setting and the allowed range.
        """
        transform = space.transform
        deepest = deepest_level(transform.height, transform.width, transform.wavelet)
        if transform.level > deepest:
            raise ValueError(
                f"Level {transform.level} is too deep for images of {transform.width} x {transform.height} pixels "
                f"and the wavelet {transform.wavelet}: set --level from 1 to {deepest}."
            )
        coefficients = space.coefficients
        highest = min(fitted - 1 if decomposition.centre else fitted, coefficients)
        rank, passes = decomposition.rank, decomposition.fixed_passes
        if rank is None:
            rank = max(1, min(DEFAULT_RANK, coefficients // 4, fitted // 4))
        if rank > highest:
            raise ValueError(
                f"Rank {rank} is out of range: {fitted} images of {coefficients} coefficients allow --rank from 1 to "
                f"{highest}."
            )
        shards = -(-images // max(1, shard_size // (FLOAT32 * coefficients)))
        rows_per_shard = -(-images // shards)
        width = min(rank + decomposition.oversample, coefficients)
        made = cls(
            images=images,
            fitted=fitted,
            masked=0,
            fitted_rows=fitted,
            classes=classes,
            height=transform.height,
            width=transform.width,
            channels=space.image_channels,
            coefficients=coefficients,
            value_bytes=value_bytes,
            rank=rank,
            block_width=width,
            passes=passes or MOST_PASSES,
            rows_per_shard=rows_per_shard,
            shards=shards,
            scales=sum(map(len, families(space.bands, space.channels))) if decomposition.scales else 0,
            solver=decomposition.solver,
        )
        return replace(made, solver=choose(made.costs(passes), decomposition.solver))

    def keeping(self, rows_per_shard: int, masked: int, fitted_rows: int) -> Self:
        """Return the plan with rows numbered as in an earlier run."""
        shards = -(-(self.images + masked) // rows_per_shard)
        return replace(self, rows_per_shard=rows_per_shard, shards=shards, masked=masked, fitted_rows=fitted_rows)

    @property
    def row_count(self) -> int:
        """Number of rows of the arrays: one per image, and the masked rows."""
        return self.images + self.masked

    def costs(self, passes: int | None) -> list[Cost]:
        """Estimate each solver; `passes` is the requested number, or None if passes end at the tolerance."""
        return costs(
            images=self.fitted,
            coefficients=self.coefficients,
            width=self.block_width,
            passes=passes,
            shards=len(self.fitted_shards),
        )

    def scale_rank(self, permutations: int) -> int:
        """Number of patterns of each scale, 0 if scales are not decomposed."""
        return patterns_of_scales(self.scales, self.fitted, self.classes, permutations)

    def rows(self, shard: int) -> range:
        """Rows of a shard."""
        start = shard * self.rows_per_shard
        return range(start, min(start + self.rows_per_shard, self.row_count))

    @property
    def fitted_shards(self) -> range:
        """Shards that hold fitted images."""
        return range(-(-self.fitted_rows // self.rows_per_shard))

    @property
    def other_split(self) -> bool:
        """Whether there are labelled images that patterns are not fitted on."""
        return self.images - self.unlabelled > self.fitted

    @property
    def coefficient_bytes(self) -> int:
        """Bytes of the coefficients on disk; the last chunk is as large as the others."""
        return self.shards * self.rows_per_shard * self.coefficients * self.value_bytes

    @property
    def score_bytes(self) -> int:
        """Bytes of the scores on disk."""
        return self.shards * self.rows_per_shard * self.rank * FLOAT32


def patterns_of_scales(scales: int, fitted: int, classes: int, permutations: int) -> int:
    """Number of patterns of each scale, limited so that their sums fit the budget; 0 if not even one fits."""
    affordable = BUDGET // (NUMBER * classes * (permutations + 1) * scales) if scales else 0
    return min(MOST_PATTERNS, max(1, fitted // 4), affordable)
