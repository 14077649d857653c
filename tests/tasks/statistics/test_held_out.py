"""Accuracy beside chance; `tests/flows/test_association.py` compares it with predictions of a run's images."""

import numpy as np
import pytest
from scipy import stats

from tasks.statistics.held_out import accuracies, right_of_classes

RIGHT = np.array([[[6, 3], [5, 1]], [[8, 0], [4, 2]]])  # by method, labelling and class
HELD_OUT = np.array([[8, 4], [7, 5]])


def test_two_classes_are_enough_for_an_accuracy_beside_chance():
    found = accuracies(np.array([30, 10]), HELD_OUT, RIGHT, 12, other_split=True)
    assert found["accuracy"].tolist() == [9 / 12, 8 / 12]
    assert found["shuffled_accuracy"].tolist() == [6 / 12, 6 / 12]
    assert found["balanced_accuracy"].tolist() == [(6 / 8 + 3 / 4) / 2, 1 / 2]
    assert (found["chance"][0], found["majority_rate"][0], found["uniform_chance"][0]) == (8 / 12, 30 / 40, 1 / 2)
    assert found["null_accuracy"][0] == 30 / 40  # the best of the three
    expected = stats.binomtest(9, 12, 30 / 40, alternative="greater").pvalue
    assert found["p_value"][0] == pytest.approx(expected)


def test_one_class_or_no_held_out_image_has_no_accuracy():
    for learned, held_out in (([40, 0], HELD_OUT), ([30, 10], 0 * HELD_OUT)):
        found = accuracies(np.array(learned), held_out, 0 * RIGHT, 12, other_split=False)
        assert np.isnan([found["accuracy"], found["balanced_accuracy"], found["p_value"]]).all()
        assert found["judged"].tolist() == [0, 0]


def test_right_predictions_are_counted_by_the_class_of_their_label():
    labels = np.array([[0, 1, 1, 2], [2, 1, 0, 1]])
    predicted = np.array([[[0, 1, 0, 2], [2, 2, 2, 2]]])
    assert right_of_classes(predicted, labels, 4).tolist() == [[[1, 1, 1, 0], [0, 0, 1, 0]]]
