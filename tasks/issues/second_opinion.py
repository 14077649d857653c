"""Judge labels by a run and by a model's predictions together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from storage.runs.run import Run
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.statistics.calibration import best_share, combined, normalized, temperature

SAMPLE = 20_000  # images that both judges are calibrated by
BLOCK = 2**20  # numbers of the log-probabilities of a block of images
LEAST = 1e-7  # smallest probability for which a model is taken at its word


class SecondOpinion(NamedTuple):
    """The judgement of labels by a run and a model together.

    Attributes
    ----------
    rows
        Rows of the judged images in the table samples (n,).
    suspicion, likely, probability
        Probability that the label is wrong, likeliest class, and its probability (n,).
    logarithm
        Log-probability of the label, which images are ranked by (n,).
    share
        Weight of the run's own judgement, from 0 to 1; the model has the rest.
    predicted
        Number of these images that the model predicted. The run alone judges the others.
    unknown
        Number of predictions that are about no image of the run.
    """

    rows: Int64
    suspicion: Float64
    likely: Int64
    probability: Float64
    logarithm: Float64
    share: float
    predicted: int
    unknown: int = 0


@dataclass(frozen=True)
class Judged:
    """The images that a run judged: rows in samples (n,), labels (n,), and what the table probabilities has of them.

    Attributes
    ----------
    rows, labels
        Rows in the table samples and labels (n,).
    suspicion
        Probability that the label is wrong (n,).
    class_ids, values
        Some classes and their probabilities (n, m).
    classes
        Number of classes.
    """

    rows: Int64
    labels: Int64
    suspicion: Float64
    class_ids: Int64
    values: Float64
    classes: int

    @classmethod
    def of(cls, run: Run) -> Self:
        """Read the judgement of a run."""
        samples, table = run.tables["samples"], run.tables["probabilities"]
        judged = samples.filter(samples["label_suspicion"].is_valid())
        rows = np.flatnonzero(np.asarray(samples["label_suspicion"].is_valid()))
        ids, values = (_matrix(table[name], len(rows)) for name in ("class_ids", "probabilities"))
        return cls(
            rows,
            np.asarray(judged["class_id"]).astype(np.int64),
            np.asarray(judged["label_suspicion"]),
            ids.astype(np.int64),
            values,
            len(run.manifest.classes),
        )

    def logarithms(self, images: Int64) -> Float64:
        """Log-probabilities (m, C) of some of the images. Classes that the table lacks share the rest evenly."""
        ids, values = self.class_ids[images], self.values[images].astype(np.float64)
        others = max(self.classes - ids.shape[1], 1)
        result = np.repeat(np.maximum(1 - values.sum(axis=1), 0)[:, None] / others, self.classes, axis=1)
        places = np.arange(len(images))
        result[places[:, None], ids] = values
        # The table keeps few digits of it.
        result[places, self.labels[images]] = 1 - self.suspicion[images]
        return normalized(np.log(np.maximum(result, np.finfo(np.float64).tiny)))


class Pool(NamedTuple):
    """Temperatures of the model and of both judges together, and the run's share in them."""

    model: float
    together: float
    share: float

    @classmethod
    def of(cls, judged: Judged, predictions: Float32, images: Int64) -> Self:
        """Find what gives the least log loss of the labels of some images, with the predictions of all (n, C)."""
        ours, theirs, labels = judged.logarithms(images), _logarithms(predictions[images]), judged.labels[images]
        model = temperature(theirs, labels)
        pair = normalized(model * theirs), ours
        share = best_share(*pair, labels)
        return cls(model, temperature(combined(share, *pair), labels), share)

    def combine(self, ours: Float64, predictions: Float32) -> Float64:
        """Log-probabilities (m, C) of both judges together."""
        theirs = normalized(self.model * _logarithms(predictions))
        return normalized(self.together * combined(self.share, theirs, ours))


def second_opinion(run: Run, predictions: Float32) -> SecondOpinion:
    """Combine the run's judgement with predictions of images that the model did not learn from.

    The model's probabilities get the temperature of least log loss. Then the log-probabilities of both are added with
    the weights of least log loss (Genest and Zidek, 1986), and get a temperature again.

    Parameters
    ----------
    run
        A run with the table probabilities.
    predictions
        The model's probabilities (N, C) of the images of the table samples; NaN where there are none.
    """
    judged = Judged.of(run)
    predictions = predictions[judged.rows]
    known: Mask = np.isfinite(predictions.sum(axis=1))
    both = np.flatnonzero(known)
    pool = Pool.of(judged, predictions, both[:: max(1, -(-len(both) // SAMPLE))])
    own, highest = np.empty(len(judged.rows)), np.empty(len(judged.rows))
    likely = np.empty(len(judged.rows), np.int64)
    for images in _blocks(len(judged.rows), judged.classes):
        logs, mine = judged.logarithms(images), known[images]
        logs[mine] = pool.combine(logs[mine], predictions[images[mine]])
        places = np.arange(len(images))
        own[images], likely[images], highest[images] = (
            logs[places, judged.labels[images]],
            logs.argmax(axis=1),
            logs.max(axis=1),
        )
    return SecondOpinion(judged.rows, -np.expm1(own), likely, np.exp(highest), own, pool.share, len(both))


def _blocks(images: int, classes: int) -> Iterator[Int64]:
    step = max(1, BLOCK // classes)
    return (np.arange(start, min(start + step, images)) for start in range(0, images, step))


def _logarithms(predictions: Float32) -> Float64:
    return np.log(np.maximum(predictions.astype(np.float64), LEAST))


def _matrix(column: pa.ChunkedArray, rows: int) -> Float64:
    """Turn a column of n lists of equal length into an array (n, m)."""
    flat: Float64 = np.asarray(pa.compute.list_flatten(column)).reshape(rows, -1)
    return flat
