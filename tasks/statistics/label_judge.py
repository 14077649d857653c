"""Judge the labels of images by two classifiers together, each image as if it had not been learned from.

Ridge regression and quadratic discriminant analysis each give log-probabilities of the classes. Temperatures make them
calibrated. Their weighted sum is calibrated again, and is the judgement.

Every image that counts is left out of the sums in closed form. Images of one group resemble each other, so leaving out
one is not enough: if the dataset names groups, an image is judged by the classifiers that were fitted without its part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float32, Float64, Int64, Mask, UInt64
from tasks.statistics.calibration import best_share, combined, normalized, temperature
from tasks.statistics.classifiers import PRODUCT_SIZE, Ridge
from tasks.statistics.quadratic_judge import QuadraticJudge
from tasks.statistics.scatter import HELD_OUT, PARTS, ClassMoments
from tasks.statistics.sums import Sums

SAMPLE = 1024  # images of each part
SAMPLE_SIZE = 2**19  # numbers of the log-posteriors of the sample
METHODS = ("ridge", "quadratic", "product")
PRODUCT = 2  # place among them of the judgement
ALL_CLASSES = 100  # up to so many, the probabilities of all classes are kept
LIKELIEST = 5  # of more classes
EVERY = PARTS  # number of the judge that is fitted without no part


def judge_of_part(*, grouped: bool, other_split: bool) -> list[int]:
    """Number of the judge of each part's labels (3,): judge i is fitted without part i, and judge `EVERY` on all.

    If images of another split are held out, labels are judged by what the fitted images tell.
    """
    if grouped:
        return list(range(PARTS))
    return [HELD_OUT if other_split else EVERY] * PARTS


def parts_of(judge: int, *, other_split: bool) -> list[int]:
    """List the parts that a judge is fitted on; never images of another split, which patterns are not fitted on."""
    return [part for part in range(PARTS) if part not in {judge, HELD_OUT if other_split else judge}]


@dataclass(frozen=True)
class Sample(Sums):
    """The images of each part with the smallest keys, by which judges are calibrated.

    Attributes
    ----------
    keys
        A random number of each image, in ascending order (m,).
    scores, labels, part
        Scores (m, k), labels (m,) and parts (m,).
    """

    keys: UInt64
    scores: Float32
    labels: Int64
    part: Int64

    @classmethod
    def of(cls, keys: UInt64, scores: Float32, labels: Int64, part: Int64) -> Self:
        """Choose among images with keys (n,), scores (n, k), labels (n,) and parts (n,)."""
        order = np.argsort(keys)
        chosen = np.sort(np.concatenate([np.flatnonzero(part[order] == one)[:SAMPLE] for one in range(PARTS)]))
        rows = order[chosen]
        return cls(keys[rows], scores[rows], labels[rows], part[rows])

    def __add__(self, other: Self) -> Self:
        """Choose among the images of two samples."""
        return type(self).of(
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.part, other.part]),
        )

    def take(self, parts: list[int], classes: int) -> tuple[Float64, Int64]:
        """Scores (m, k) and labels (m,) of some parts, of fewer images if there are many classes."""
        rows = np.flatnonzero(np.isin(self.part, parts))[: max(1, SAMPLE_SIZE // classes)]
        return self.scores[rows].astype(np.float64), self.labels[rows]


@dataclass(frozen=True)
class LabelJudge:
    """Two classifiers and their calibration.

    Attributes
    ----------
    ridge, quadratic
        The classifiers.
    temperatures
        Temperatures of ridge regression, of the quadratic classifier, and of both together (3,).
    share
        Share of the quadratic classifier in the weighted sum of both.
    """

    ridge: Ridge
    quadratic: QuadraticJudge
    temperatures: Float64
    share: float

    @classmethod
    def of(cls, moments: ClassMoments, scores: Float64, labels: Int64, *, entered: bool) -> Self:
        """Fit from sums over images, and calibrate by some images.

        Parameters
        ----------
        moments
            The sums.
        scores, labels
            Scores (m, k) and labels (m,) of the images to calibrate by.
        entered
            Whether these images are in the sums.
        """
        ridge = Ridge.of(moments)
        quadratic = QuadraticJudge.of(moments, scores, labels, entered=entered)
        given = scores, labels, np.full(len(labels), entered)
        linear, curved = ridge.fits(*given), quadratic.log_posteriors(*given)
        own = temperature(linear, labels), temperature(curved, labels)
        pair = normalized(own[0] * linear), normalized(own[1] * curved)
        share = best_share(*pair, labels)
        return cls(ridge, quadratic, np.array([*own, temperature(combined(share, *pair), labels)]), share)

    def judge(self, scores: Float64, labels: Int64, entered: Mask) -> Iterator[tuple[slice, Float64]]:
        """Yield blocks of images with their log-probabilities by each of `METHODS` (3, rows, C).

        Parameters
        ----------
        scores, labels
            Scores (n, k) and labels (n,).
        entered
            Whether the image is in the sums with its label, so that it must be left out (n,).
        """
        # Ten arrays of a block are held, in all some times the size of a product.
        rows = max(1, PRODUCT_SIZE // 4 // max(len(self.quadratic.counts), scores.shape[1]))
        for start in range(0, len(scores), rows):
            block = slice(start, start + rows)
            given = scores[block], labels[block], entered[block]
            linear, curved, product = self.temperatures
            pair = (
                normalized(linear * self.ridge.fits(*given)),
                normalized(curved * self.quadratic.log_posteriors(*given)),
            )
            both = normalized(product * combined(float(self.share), *pair))
            yield block, np.stack([*pair, both])


def kept_classes(logs: Float64) -> Int64:
    """All classes in their order (n, C), or the likeliest first if there are more than `ALL_CLASSES` (n, 5)."""
    n, classes = logs.shape
    if classes <= ALL_CLASSES:
        return np.tile(np.arange(classes), (n, 1))
    likeliest = np.argpartition(-logs, LIKELIEST, axis=1)[:, :LIKELIEST]
    order = np.lexsort((likeliest, -np.take_along_axis(logs, likeliest, axis=1)), axis=1)
    return np.take_along_axis(likeliest, order, axis=1)
