"""How well fits rank the images with a label before those without, where an image may have several labels.

Fits are counted in bins, which add up over images. The fits of a bin are ties, so all measures are exactly those of the
binned fits. A bin is 1/512 of a standard deviation wide at the mean, and 1/32 at three deviations.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.statistics.least import LEAST
from tasks.statistics.ranks import BINS, area_under_curve, bins
from tasks.statistics.sums import Sums

WITHOUT, WITH = 0, 1


@dataclass(frozen=True)
class Ranking(Sums):
    """Number of images in each bin of the fits of T labels, without and with the label (T, 2, BINS)."""

    counts: Int64

    @classmethod
    def none(cls, number: int) -> Self:
        """Count no image of some number of labels."""
        return cls(np.zeros((number, 2, BINS), np.int64))

    @classmethod
    def of(cls, fits: Float64, given: Mask, scale: Float64) -> Self:
        """Count some images.

        Parameters
        ----------
        fits
            Fit of each image and label, less the mean of the label's fits (n, T).
        given
            Whether each image has each label (n, T).
        scale
            Standard deviation of each label's fits (T,).
        """
        number = fits.shape[1]
        cells = bins(fits, np.where(scale > 0, scale, 1)) + BINS * (given + 2 * np.arange(number))
        return cls(np.bincount(cells.ravel(), minlength=number * 2 * BINS).reshape(number, 2, BINS))


@dataclass(frozen=True)
class LabelRanks:
    """How well each label is ranked (T,). NaN for labels that too few images have, or lack.

    Attributes
    ----------
    images
        Number of images with the label (T,); known for all labels.
    area
        Probability that an image with the label has a higher fit than one without; a tie counts half.
    average_precision
        Sum of the precisions at each fit, each weighted by the share of the label's images with that fit.
    precision
        Share of images with the label among those with the highest fits, of which as many are taken as have the label.
        So it equals recall, and F1. Of tied images a random part is taken.
    accuracy
        Share of all images that are right if these, and no others, are taken to have the label.
    """

    images: Int64
    area: Float64
    average_precision: Float64
    precision: Float64
    accuracy: Float64

    @classmethod
    def of(cls, ranking: Ranking) -> Self:
        """Compute the measures; labels with or without fewer than `LEAST.interval` images have none."""
        sizes = ranking.counts.sum(axis=2)
        own, total = sizes[:, WITH], sizes.sum(axis=1)
        known = sizes.min(axis=1) >= LEAST.interval
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = _hits(ranking.counts) / own
            measures = (
                _areas(ranking.counts),
                _average_precisions(ranking.counts),
                precision,
                1 - 2 * own * (1 - precision) / total,
            )
        return cls(own, *(np.where(known, values, np.nan) for values in measures))


def _areas(counts: Int64) -> Float64:
    every = counts.sum(axis=1)
    ranks = np.cumsum(every, axis=1) - (every - 1) / 2
    rank_sums = (counts * ranks[:, None]).sum(axis=2)
    return area_under_curve(counts.sum(axis=2), rank_sums[..., None])[:, WITH, 0]


def _average_precisions(counts: Int64) -> Float64:
    """Average precision (T,) as scikit-learn defines it: no interpolation, and one threshold for tied fits."""
    highest_first = counts[:, :, ::-1]
    found, named = np.cumsum(highest_first[:, WITH], axis=1), np.cumsum(highest_first.sum(axis=1), axis=1)
    precision = np.divide(found, named, where=named > 0, out=np.zeros(found.shape))
    result: Float64 = (precision * highest_first[:, WITH]).sum(axis=1) / found[:, -1]
    return result


def _hits(counts: Int64) -> Float64:
    """Expected number of images with the label among as many of highest fit (T,)."""
    highest_first = counts[:, :, ::-1]
    every = highest_first.sum(axis=1)
    before = np.cumsum(every, axis=1) - every
    room = np.clip(counts[:, WITH].sum(axis=1)[:, None] - before, 0, every)
    share = np.divide(room, every, where=every > 0, out=np.zeros(every.shape))
    result: Float64 = (share * highest_first[:, WITH]).sum(axis=1)
    return result
