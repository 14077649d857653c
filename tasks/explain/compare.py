"""Compare a layer of a network with the patterns of a finished run, by what each predicts of the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tasks.columns.images import RunImages, Sides
from tasks.dtypes import NUMBER, Float64, Int64, Mask
from tasks.run.worker import single_threaded
from tasks.statistics.alignment import centred_alignment
from tasks.statistics.regression import JUDGED, LEARNED, fit_learned, held_out_r_squared, held_out_share
from tasks.statistics.sums import BUDGET
from tasks.statistics.target_sums import TargetSums
from tasks.statistics.units import shuffled_by_group

ONLY_JUDGED = np.array([False, True])
Scores = Callable[[int, Mask], Float64]


class Predictions(NamedTuple):
    """What the network and the patterns say of each judged image, if there is a feature for each class.

    Attributes
    ----------
    rows
        Rows of the judged images (m,).
    given, predicted
        Class with the largest feature (m,), and with the largest feature predicted from the scores (m,).
    residuals
        Squared error of an image's predicted features, over the mean squared deviation of all judged images' features
        from the mean of those learned from (m,). So its mean is 1 - R^2. NaN if the features do not vary.
    """

    rows: Int64
    given: Int64
    predicted: Int64
    residuals: Float64


class Comparison(NamedTuple):
    """What a layer and the patterns predict of each other on unseen images. NaN if too few images have features.

    Attributes
    ----------
    features, learned, judged, missing
        Number of features, of images learned from and judged, and of valid images without features.
    r_squared, shuffled_r_squared
        Share of the variance of all features together that is predicted from the scores that labels are judged by, and
        the same with the features of other images.
    alignment, shuffled_alignment
        Linear centered kernel alignment of features and those scores, and the same with the features of other images.
    agreement, agreement_by_chance
        If there is a feature for each class: part of the judged images for which the class with the largest feature is
        the one predicted from the scores. Also the part that chance gives with the same numbers of each class.
    accuracy, predicted_accuracy
        Part of the judged images whose label is the class with the largest feature, and the one predicted.
    patterns, shuffled_patterns
        R^2 of each pattern's score from the features (k,), and the same with the features of other images.
    images
        What is said of each judged image; None unless there is a feature for each class.
    """

    features: int
    learned: int
    judged: int
    missing: int
    r_squared: float
    shuffled_r_squared: float
    alignment: float
    shuffled_alignment: float
    agreement: float
    agreement_by_chance: float
    accuracy: float
    predicted_accuracy: float
    patterns: Float64
    shuffled_patterns: Float64
    images: Predictions | None


@dataclass(frozen=True)
class Layer:
    """Features of images, those with NaN or infinity left out.

    Attributes
    ----------
    images, sides
        The run's images, and which of those with features take part in what.
    values
        Features (N, d).
    other
        Row whose features each row gets if they are shuffled (N,); itself for rows that take no part.
    centre, scale
        Mean of the features that are learned from (d,), and their deviation, one for all.
    """

    images: RunImages
    sides: Sides
    values: npt.NDArray[Any]
    other: Int64
    centre: Float64
    scale: float

    @classmethod
    def of(cls, images: RunImages, values: npt.NDArray[Any]) -> Self:
        """Find the images that have features (N, d), and what is subtracted and divided by."""
        known = np.concatenate([np.isfinite(values[rows]).all(axis=1) for _, rows in images.shards()])
        sides = Sides.of(images, np.where(known & images.valid, 0, -1), seen=False)
        rows = np.flatnonzero(sides.learned)
        step = max(1, BUDGET // (NUMBER * values.shape[1]))
        pieces = [rows[start : start + step] for start in range(0, len(rows), step)]
        n, nothing = max(len(rows), 1), np.zeros(values.shape[1])
        centre = sum((np.asarray(values[piece], np.float64).sum(axis=0) for piece in pieces), nothing) / n
        squares = sum(float(((values[piece] - centre) ** 2).sum()) for piece in pieces)
        scale = float(np.sqrt(squares / (n * values.shape[1]))) or 1.0
        return cls(images, sides, values, _others(images, sides), centre, scale)

    def of_rows(self, rows: Int64) -> Float64:
        """Features of some rows (m, d), about their mean and in units of their deviation."""
        result: Float64 = (np.asarray(self.values[rows], np.float64) - self.centre) / self.scale
        return result

    def blocks(self, scores: Scores, mask: Mask) -> Iterator[tuple[Int64, Float64]]:
        """Yield the rows in a mask (m,) and their scores (m, k), some at a time."""
        most = max(1, BUDGET // (2 * NUMBER * self.values.shape[1]))
        for shard, within in self.images.shards():
            rows = within.start + np.flatnonzero(mask[within])
            found = scores(shard, mask)
            for start in range(0, len(rows), most):
                yield rows[start : start + most], found[start : start + most]

    def summed(self, scores: Scores, pair: Callable[[Int64, Float64], tuple[Float64, Float64]]) -> TargetSums:
        """Sums over the images learned from and those judged; `pair` gives what predicts (m, a), and what (m, b)."""
        side = np.where(self.sides.judged, JUDGED, LEARNED)
        total: TargetSums | None = None
        for rows, found in self.blocks(scores, self.sides.learned | self.sides.judged):
            part = TargetSums.of(*pair(rows, found), side[rows], 2)
            total = part if total is None else total + part
        width = self.values.shape[1]
        return total or TargetSums.of(np.zeros((0, width)), np.zeros((0, width)), np.zeros(0, np.int64), 2)


def _others(images: RunImages, sides: Sides) -> Int64:
    """Exchange images at random among those learned from, and among those judged, as labels are shuffled."""
    other = np.arange(len(sides.codes))
    for mask in (sides.learned, sides.judged):
        rows = np.flatnonzero(mask)
        if len(rows):
            ids = sides.units[rows] if images.keys is None else images.keys[rows]
            seed = images.settings.association.seed
            other[rows] = rows[shuffled_by_group(sides.units[rows], ids, np.arange(len(rows)), seed, 1)[0]]
    return other


@single_threaded
def compare_layer(images: RunImages, values: npt.NDArray[Any]) -> Comparison:
    """Compare features (N, d) of a run's images with its patterns.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged.
    """
    layer, width = Layer.of(images, values), values.shape[1]
    both = layer.summed(
        images.judging_scores,
        lambda rows, scores: (scores, np.hstack([layer.of_rows(rows), layer.of_rows(layer.other[rows])])),
    )
    own = layer.summed(images.scores, lambda rows, scores: (layer.of_rows(rows), scores))
    shuffled = layer.summed(images.scores, lambda rows, scores: (layer.of_rows(layer.other[rows]), scores))
    explained, variation = held_out_share(both)
    shares = [_share(explained[half], variation[half]) for half in (slice(width), slice(width, None))]
    alignments = [float("nan")] * 2
    if own.counts[JUDGED]:
        scores, features = both.centred(ONLY_JUDGED), own.centred(ONLY_JUDGED)
        halves = scores.covariation[:, :width], scores.covariation[:, width:]
        alignments = [centred_alignment(half, scores.scatter, features.scatter) for half in halves]
    said = _predictions(layer, both, _total(variation[:width]))
    agreement, by_chance, accuracy, predicted_accuracy = _agreement(layer, said)
    return Comparison(
        features=width,
        learned=int(own.counts[LEARNED]),
        judged=int(own.counts[JUDGED]),
        missing=int((images.valid & (layer.sides.codes < 0)).sum()),
        r_squared=shares[0],
        shuffled_r_squared=shares[1],
        alignment=alignments[0],
        shuffled_alignment=alignments[1],
        agreement=agreement,
        agreement_by_chance=by_chance,
        accuracy=accuracy,
        predicted_accuracy=predicted_accuracy,
        patterns=held_out_r_squared(own),
        shuffled_patterns=held_out_r_squared(shuffled),
        images=said,
    )


def _share(explained: Float64, variation: Float64) -> float:
    return float(explained[np.isfinite(variation)].sum()) / _total(variation)


def _total(variation: Float64) -> float:
    """Sum of the variation that is known: a feature that does not vary has nothing to explain. NaN if none does."""
    total = float(variation[np.isfinite(variation)].sum())
    return total if total > 0 else float("nan")


def _predictions(layer: Layer, both: TargetSums, total: float) -> Predictions | None:
    """Predict the features of each judged image, whose squared deviations have this total.

    None unless there is a feature for each class, and enough images.
    """
    classes, fit = len(layer.images.run.manifest.classes), fit_learned(both)
    if layer.values.shape[1] != classes or classes < 2 or fit is None:  # noqa: PLR2004
        return None
    pieces: list[tuple[Int64, Int64, Int64, Float64]] = []
    offset = layer.centre / layer.scale
    for rows, scores in layer.blocks(layer.images.judging_scores, layer.sides.judged):
        features, predicted = layer.of_rows(rows), fit.predict(scores)[:, :classes] + fit.means[:classes]
        errors = ((features - predicted) ** 2).sum(axis=1)
        pieces.append((rows, (features + offset).argmax(axis=1), (predicted + offset).argmax(axis=1), errors))
    rows, given, named, errors = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return Predictions(rows, given, named, errors * len(rows) / total)


def _agreement(layer: Layer, said: Predictions | None) -> tuple[float, float, float, float]:
    """Agreement, agreement by chance, and both accuracies; NaN unless there is a feature for each class."""
    if said is None:
        return (float("nan"),) * 4
    n, classes = len(said.rows), len(layer.images.run.manifest.classes)
    given, predicted = (np.bincount(each, minlength=classes) / n for each in (said.given, said.predicted))
    labels = layer.images.classes[said.rows]
    right = np.array([(each == labels).sum() for each in (said.given, said.predicted)])
    labelled = int((labels >= 0).sum())
    accuracies = right / labelled if labelled else np.full(2, np.nan)
    agreement = float((said.given == said.predicted).mean())
    return agreement, float(given @ predicted), float(accuracies[0]), float(accuracies[1])
