"""The plan of a run: integers, made from counts and settings before anything is computed."""

from dataclasses import dataclass
from typing import Self

from tasks.wavelet import WaveletTransform, deepest_level

FLOAT32 = 4
FLOAT64 = 8
DEFAULT_RANK = 64


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes
    ----------
    images, fitted
        All images, and those of them that patterns are fitted on: they come first.
    classes
        Class labels, empty classes included.
    height, width, channels
        Shape of every image.
    coefficients
        Wavelet coefficients an image, p.
    rank
        Patterns, k.
    block_width
        Columns multiplied in a pass, l.
    passes
        Passes over the fitted images; the first is part of the transform.
    rows_per_shard, shards
        How the images are cut.
    """

    images: int
    fitted: int
    classes: int
    height: int
    width: int
    channels: int
    coefficients: int
    rank: int
    block_width: int
    passes: int
    rows_per_shard: int
    shards: int

    @classmethod
    def make(  # noqa: PLR0913 - counts and settings, each by its name
        cls,
        *,
        images: int,
        fitted: int,
        classes: int,
        transform: WaveletTransform,
        rank: int | None,
        oversample: int,
        passes: int,
        centre: bool,
        shard_size: int,
    ) -> Self:
        """Plan a run.

        Raises
        ------
        ValueError
            If the settings do not fit the images; the sentence names the setting and the allowed range.
        """
        deepest = deepest_level(transform.height, transform.width, transform.wavelet)
        if transform.level > deepest:
            raise ValueError(
                f"Level {transform.level} is too deep for images of {transform.width} x {transform.height} pixels "
                f"and the wavelet {transform.wavelet}: set --level from 1 to {deepest}."
            )
        coefficients = transform.coefficients
        highest = min(fitted - 1 if centre else fitted, coefficients)
        if rank is None:
            rank = max(1, min(DEFAULT_RANK, coefficients // 4, fitted // 4))
        if rank > highest:
            raise ValueError(
                f"Rank {rank} is out of range: {fitted} images of {coefficients} coefficients allow --rank from 1 to "
                f"{highest}."
            )
        shards = -(-images // max(1, shard_size // (FLOAT32 * coefficients)))
        return cls(
            images=images,
            fitted=fitted,
            classes=classes,
            height=transform.height,
            width=transform.width,
            channels=transform.channels,
            coefficients=coefficients,
            rank=rank,
            block_width=min(rank + oversample, coefficients),
            passes=passes,
            rows_per_shard=-(-images // shards),
            shards=shards,
        )

    def rows(self, shard: int) -> range:
        """Rows of a shard."""
        start = shard * self.rows_per_shard
        return range(start, min(start + self.rows_per_shard, self.images))

    @property
    def fitted_shards(self) -> range:
        """Shards that hold fitted images."""
        return range(-(-self.fitted // self.rows_per_shard))

    @property
    def coefficient_bytes(self) -> int:
        """Bytes of the coefficients on disk: the last chunk is as large as the others."""
        return self.shards * self.rows_per_shard * self.coefficients * FLOAT32

    @property
    def score_bytes(self) -> int:
        """Bytes of the scores on disk."""
        return self.shards * self.rows_per_shard * self.rank * FLOAT32
