import numpy as np
import pytest

from tasks.statistics.association import expected_null, learnability
from tasks.statistics.noise import spread_under_noise
from tasks.statistics.relabelling import NOISE, expected_under_noise
from tasks.statistics.sums import grouped


def replaced(random, labels, fraction):
    return np.where(random.random(len(labels)) < fraction, random.permutation(labels), labels)


@pytest.mark.parametrize(
    ("effect", "frequencies"), [(0, [1, 1, 1]), (0.3, [1, 1, 1]), (3, [1, 1, 1]), (1, [16, 3, 1]), (1, [1, 1])]
)
def test_the_spread_is_that_of_many_replacements(effect, frequencies):
    random = np.random.default_rng(1)
    classes = len(frequencies)
    labels = random.choice(classes, 600, p=np.array(frequencies) / sum(frequencies))
    scores = random.standard_normal((600, 8))
    scores[:, :3] += effect * random.standard_normal((classes, 3))[labels]
    (counts, sums), cross = grouped(scores, labels, classes), scores.T @ scores
    for fraction in (0.1, 0.5, 0.9):
        again = [grouped(scores, replaced(random, labels, fraction), classes) for _ in range(400)]
        measured = np.std([learnability(*one, cross) for one in again])
        # The standard error of a deviation from 400 values is 3.5 %; the delta method and equal covariances cost some.
        assert spread_under_noise(fraction, counts, sums, cross) == pytest.approx(measured, rel=0.2)


def test_clean_data_stay_within_their_spread():
    """Clean normal data of three classes: over 200 datasets, at most 17 leave it at one of five noise levels."""
    alarms = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 3, 600)
        scores = random.standard_normal((600, 12)) + 0.5 * random.standard_normal((3, 12))[labels]
        sums, cross = grouped(scores, labels, 3), scores.T @ scores
        value, null = learnability(*sums, cross), expected_null(12, 600)
        away = []
        for fraction in NOISE:
            measured = learnability(*grouped(scores, replaced(random, labels, fraction), 3), cross)
            expected = expected_under_noise(fraction, value, null)
            away.append(abs(measured - expected) / spread_under_noise(fraction, *sums, cross))
        alarms += max(away) > 2.576
    assert alarms <= 17


def test_one_class_has_no_spread():
    assert np.isnan(spread_under_noise(0.5, np.array([5, 0]), np.zeros((2, 2)), np.eye(2)))
