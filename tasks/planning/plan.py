"""The plan of a run, computed from counts and settings before the run begins."""

from dataclasses import dataclass, replace
from typing import Self

from storage.runs.layout import PlanRecord
from storage.setting_groups import Decomposition
from tasks.dtypes import FLOAT16, FLOAT32, FLOAT64, MIB, NUMBER
from tasks.planning.cost import Cost, choose, costs
from tasks.statistics.sums import BUDGET
from tasks.svd.scales import PATTERNS, operations, parts, share_size
from tasks.wavelet.bands import families
from tasks.wavelet.reduced import ReducedSpace
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.space import CoefficientSpace

DEFAULT_RANK = 64
MOST_PASSES = 10  # when passes end at the tolerance
COLUMNS = 4  # of the first block for each pattern: from a sample, they usually suffice without another pass
FEWEST_SPARE = 20  # columns beyond the rank, however large the block
BLOCK_BYTES = 96 * MIB  # of the product of the first block, which each shard returns
SAMPLE = 4096  # images that the first block starts from
SAMPLE_BYTES = 256 * MIB  # of their coefficients
SAMPLE_SHARE = 12  # at most this part of the fitted images, or FEWEST_SAMPLED
FEWEST_SAMPLED = 512
JUDGING_RANK = {"modulus": 256, "scattering": 512}  # patterns that labels are judged by
SAMPLED_A_JUDGING_PATTERN = 2  # at least so many images for each of them
SAMPLED_A_COLUMN = 16  # images for each column of the first block, from which one pass usually suffices


@dataclass(frozen=True)
class Plan(PlanRecord):
    """The plan of a run: the numbers in plan.json, and others that follow from them and the settings.

    Attributes
    ----------
    scale_values, scale_operations
        Number of values that a shard adds to the products of scales, and of operations for each image.
    """

    scale_values: int = 0
    scale_operations: int = 0

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
        judging: ReducedSpace | None = None,
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
        judging
            Space that labels are judged in, or None if they are judged by the run's own patterns.

        Raises
        ------
        ValueError
            If the settings do not fit the images. The message has the setting and the allowed range.
        """
        transform = space.transform
        transform.require_possible()
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
        scales = families(space.bands, space.channels) if decomposition.scales else []
        chosen = parts(scales)
        width = min(rank + _spare(rank, coefficients, decomposition.oversample), coefficients)
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
            scales=sum(map(len, scales)),
            solver=decomposition.solver,
            scale_values=share_size(chosen),
            scale_operations=operations(chosen),
        )
        if judging:
            made = made.judging(judging)
        return replace(made, solver=choose(made.costs(passes), decomposition.solver))

    def judging(self, space: ReducedSpace) -> Self:
        """Return the plan with labels judged in a space, by the leading patterns of the sample."""
        most = min(space.coefficients, self.sample // SAMPLED_A_JUDGING_PATTERN)
        wanted = JUDGING_RANK["scattering" if isinstance(space.space.transform, ScatteringTransform) else "modulus"]
        return replace(self, judging_coefficients=space.coefficients, judging_rank=max(1, min(wanted, most)))

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
            rank=self.rank,
            width=self.block_width,
            passes=passes or self.likely_passes,
            shards=len(self.fitted_shards),
            scale_operations=self.scale_operations,
        )

    def scale_rank(self, permutations: int) -> int:
        """Number of patterns of each scale, 0 if scales are not decomposed."""
        return patterns_of_scales(self.scales, self.fitted, self.classes, permutations)

    @property
    def sample(self) -> int:
        """Number of images that the mean is guessed from, and that blocks start from."""
        share = max(FEWEST_SAMPLED, self.fitted // SAMPLE_SHARE)
        return max(1, min(SAMPLE, self.fitted, share, SAMPLE_BYTES // (FLOAT32 * self.coefficients)))

    @property
    def likely_passes(self) -> int:
        """Number of passes that patterns of image data need: a small sample is no good start."""
        return 1 if self.sample >= SAMPLED_A_COLUMN * self.block_width else 2

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
    def judged_rank(self) -> int:
        """Number of patterns that labels are judged by."""
        return self.judging_rank or self.rank

    @property
    def judging_bytes(self) -> int:
        """Bytes of the coefficients and scores that labels are judged by, on disk."""
        each = FLOAT16 * self.judging_coefficients + FLOAT32 * self.judging_rank
        return self.shards * self.rows_per_shard * each

    @property
    def coefficient_bytes(self) -> int:
        """Bytes of the coefficients on disk; the last chunk is as large as the others."""
        return self.shards * self.rows_per_shard * self.coefficients * self.value_bytes

    @property
    def score_bytes(self) -> int:
        """Bytes of the scores on disk."""
        return self.shards * self.rows_per_shard * self.rank * FLOAT32


def _spare(rank: int, coefficients: int, wanted: int | None) -> int:
    """Columns of the first block beyond the rank: as set, or as many as are cheap to add up."""
    if wanted is not None:
        return wanted
    return max(FEWEST_SPARE, min((COLUMNS - 1) * rank, BLOCK_BYTES // (FLOAT64 * coefficients) - rank))


def patterns_of_scales(scales: int, fitted: int, classes: int, permutations: int) -> int:
    """Number of patterns of each scale, limited so that their sums fit the budget; 0 if not even one fits."""
    affordable = BUDGET // (NUMBER * classes * (permutations + 1) * scales) if scales else 0
    return min(PATTERNS, max(1, fitted // 4), affordable)
