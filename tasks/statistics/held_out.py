"""How well scores predict the labels of held-out images, beside chance and beside classifiers of shuffled labels."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.accuracy import balanced, binomial_p_value
from tasks.statistics.classifiers import Quadratic, Ridge
from tasks.statistics.scatter import HELD_OUT, ClassScatter

METHODS = ("ridge", "quadratic")


@dataclass(frozen=True)
class Classifiers:
    """Both classifiers, fitted without the held-out images.

    Attributes
    ----------
    quadratic, ridge
        Those of the true labels.
    shuffled_quadratic, shuffled_ridge
        The same, under one permutation of the labels.
    """

    quadratic: Quadratic
    ridge: Ridge
    shuffled_quadratic: Quadratic
    shuffled_ridge: Ridge

    @classmethod
    def of(cls, scatter: ClassScatter) -> Self:
        """Fit the classifiers from sums under two labellings."""
        true, shuffled = (scatter.take(labelling, list(range(HELD_OUT))) for labelling in (0, 1))
        return cls(
            quadratic=Quadratic.of(true),
            ridge=Ridge.of(true),
            shuffled_quadratic=Quadratic.of(shuffled),
            shuffled_ridge=Ridge.of(shuffled),
        )

    def predict(self, scores: Float64) -> Int64:
        """Predict the class of each image with scores (n, k) by each of `METHODS`, under both labellings (2, 2, n)."""
        methods = (self.ridge, self.shuffled_ridge), (self.quadratic, self.shuffled_quadratic)
        return np.array([[labelling.predict(scores) for labelling in method] for method in methods])


def right_of_classes(predicted: Int64, labellings: Int64, classes: int) -> Int64:
    """Number of images of each class whose class is predicted (..., 2, C).

    Parameters
    ----------
    predicted, labellings
        Predictions (..., 2, n) and labels (2, n) under both labellings.
    classes
        Number C of classes.
    """
    right = np.zeros((*predicted.shape[:-1], classes), np.int64)
    for place in np.ndindex(predicted.shape[:-1]):
        labels = labellings[place[-1]]
        right[place] = np.bincount(labels[predicted[place] == labels], minlength=classes)
    return right


def accuracies(learned: Int64, held_out: Int64, right: Int64, units: int, *, other_split: bool) -> dict[str, Any]:
    """Return the accuracy of each of `METHODS` beside what chance gives, by name.

    NaN without held-out images, or if images of fewer than two classes were learned from.

    Parameters
    ----------
    learned
        Number of images of each class that classifiers learned from (C,).
    held_out
        Number of held-out images of each class under both labellings (2, C).
    right
        Number of those that each method classifies correctly (2, 2, C).
    units
        Number of independent units among the held-out images.
    other_split
        Whether they are another split than the images learned from, so that classes may have other sizes.
    """
    largest, present = learned.argmax(), int((learned > 0).sum())
    judged = int(held_out[0].sum()) if present > 1 else 0
    whole, known = right.sum(axis=-1), judged or np.nan
    majority = learned[largest] / learned.sum() if learned.sum() else np.nan
    constant, uniform = held_out[0, largest] / known, 1 / present if present else np.nan
    # Held-out images that were drawn at random have classes of the same sizes; those of another split may not.
    chance = max(majority, uniform, constant if other_split else 0)
    # Images of a group may be right or wrong together, so the test counts a group as one.
    tests = np.array([[binomial_p_value(one / known * units, units, chance) for one in method] for method in whole])
    balance = balanced(right, held_out) if judged else np.full((len(METHODS), 2), np.nan)
    each = np.ones(len(METHODS), np.int64)
    return {
        "method": list(METHODS),
        "accuracy": whole[:, 0] / known,
        "shuffled_accuracy": whole[:, 1] / known,
        "balanced_accuracy": balance[:, 0],
        "shuffled_balanced_accuracy": balance[:, 1],
        "chance": constant * each,
        "majority_rate": majority * each,
        "uniform_chance": uniform * each,
        "null_accuracy": chance * each,
        "p_value": tests[:, 0],
        "shuffled_p_value": tests[:, 1],
        "learned": learned.sum() * each,
        "judged": judged * each,
        "judged_units": units * each,
    }
