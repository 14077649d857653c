"""The plan of a run: integers and the solver, made from counts and settings before anything is computed."""

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
MOST_PASSES = 10  # when passes end by themselves
MOST_PATTERNS = 16  # of a scale: few, so that scales with few columns compare with those that have many


@dataclass(frozen=True)
class Plan(PlanRecord):
    """What a run will do: the numbers that plan.json keeps, and what follows from them."""

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
            How many there are, and how many of the images patterns are fitted on.
        space
            What images become.
        decomposition
            How many patterns to keep, and how to compute them.
        shard_size, value_bytes
            Most bytes of float32 coefficients in a shard, and bytes that each takes on disk.

        Raises
        ------
        ValueError
            If the settings do not fit the images; the sentence names the setting and the allowed range.
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
        """The same plan for rows that an earlier run gave its images."""
        shards = -(-(self.images + masked) // rows_per_shard)
        return replace(self, rows_per_shard=rows_per_shard, shards=shards, masked=masked, fitted_rows=fitted_rows)

    @property
    def row_count(self) -> int:
        """Rows of the arrays: one an image, and the masked ones."""
        return self.images + self.masked

    def costs(self, passes: int | None) -> list[Cost]:
        """What each solver would take; `passes` as they were asked for, None if they end by themselves."""
        return costs(
            images=self.fitted,
            coefficients=self.coefficients,
            width=self.block_width,
            passes=passes,
            shards=len(self.fitted_shards),
        )

    def scale_rank(self, permutations: int) -> int:
        """Patterns of each scale, 0 if scales are not decomposed."""
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
        """Whether there are images that patterns are not fitted on."""
        return self.images > self.fitted

    @property
    def coefficient_bytes(self) -> int:
        """Bytes of the coefficients on disk: the last chunk is as large as the others."""
        return self.shards * self.rows_per_shard * self.coefficients * self.value_bytes

    @property
    def score_bytes(self) -> int:
        """Bytes of the scores on disk."""
        return self.shards * self.rows_per_shard * self.rank * FLOAT32


def patterns_of_scales(scales: int, fitted: int, classes: int, permutations: int) -> int:
    """Patterns of each scale; fewer where many classes would make their sums large, and 0 where not even one fits."""
    affordable = BUDGET // (NUMBER * classes * (permutations + 1) * scales) if scales else 0
    return min(MOST_PATTERNS, max(1, fitted // 4), affordable)
