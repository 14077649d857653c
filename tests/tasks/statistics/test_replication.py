import numpy as np
import pytest
from scipy import stats

from tasks.statistics.association import q_values
from tasks.statistics.class_comparison import ClassComparison
from tasks.statistics.replication import replication, variance_ratio
from tasks.statistics.scatter import HELD_OUT
from tests.scores import scatter_of


def found_in(scores, labels, classes, seed):
    """Number of classes whose first pattern comes back: found in two parts, judged in the third."""
    random = np.random.default_rng(seed)
    part = random.choice(3, len(labels), p=[0.4, 0.4, 0.2])
    scatter = scatter_of(scores, labels, classes, part, random.permutation(labels))
    angles = [ClassComparison.of(scatter, labelling).held_out_angle for labelling in (0, 1)]
    counts = scatter.counts[:, HELD_OUT]
    found = replication(angles[0], counts[0], angles[1], counts[1])
    return int((q_values(found)[:, 0] <= 0.05).sum())


def test_the_ratio_is_that_of_the_variances():
    own, others = np.random.default_rng(0).uniform(0.1, 5, (2, 20))
    np.testing.assert_allclose(variance_ratio(np.arctan(np.sqrt(own / others)) - np.pi / 4), own / others)


def test_p_values_of_normal_scores_are_those_of_the_f_test():
    """With two classes, the mean of the others is the other class."""
    random = np.random.default_rng(0)
    variances, counts = random.chisquare(50, 2) / 50, np.array([40, 70])
    angle = np.arctan(np.sqrt(variances[0] / variances[1])) - np.pi / 4
    calm = np.full((2, 1), 0.001)  # shuffled ratios below what chance gives change nothing
    expected = stats.f.sf(variances[0] / variances[1], 40, 70)
    assert replication(np.array([[angle], [-angle]]), counts, calm, counts)[0, 0] == pytest.approx(expected)


def test_the_others_of_a_class_count_one_of_a_single_image():
    angle, calm, counts = np.full((3, 1), 0.2), np.full((3, 1), 0.001), np.array([40, 1, 30])
    expected = stats.f.sf(variance_ratio(0.2), 40, 2**2 / (1 / 1 + 1 / 30))
    assert replication(angle, counts, calm, counts)[0, 0] == pytest.approx(expected)


def test_an_absent_class_has_no_p_value():
    angle = np.array([[0.1], [0.1], [np.nan]])
    found = replication(angle, np.array([40, 40, 0]), angle, np.array([40, 40, 0]))
    assert np.isnan(found[:, 0]).tolist() == [False, False, True]


@pytest.mark.parametrize("tails", [None, 5, 3])
def test_nothing_comes_back_by_chance(tails):
    """200 datasets without association, normal or with heavy tails: at most 17 alarms, the 97.5 % bound of 5 %."""
    alarms = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        scores = random.standard_t(tails, (600, 8)) if tails else random.standard_normal((600, 8))
        alarms += found_in(scores, random.integers(0, 4, 600), 4, seed) > 0
    assert alarms <= 17


@pytest.mark.parametrize("rank", [8, 64])
def test_a_class_that_varies_more_along_one_direction_comes_back(rank):
    """Nine times the variance along one of up to 64 directions: missed at most in one of ten datasets."""
    missed = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 3, 900)
        scores = random.standard_normal((900, rank))
        scores[:, 2] *= np.where(labels == 0, 3, 1)
        missed += found_in(scores, labels, 3, seed) == 0
    assert missed <= 2
