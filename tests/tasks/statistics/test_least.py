"""Statistics begin where the table says, and not an image before."""

import numpy as np
import pytest

from benchmarks.interval_coverage import groups_of
from tasks.statistics.intervals import intervals
from tasks.statistics.least import LEAST, least_for_welch
from tasks.statistics.means import brown_forsythe, welch
from tasks.statistics.ranks import LEVELS, LevelCounts, mutual_information
from tasks.statistics.sums import grouped


@pytest.mark.parametrize("spare", [-1, 0])
def test_intervals_begin_where_every_class_has_enough_images(spare):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [40, 40, LEAST.interval + spare])
    found = intervals(groups_of(random.standard_normal((len(labels), 4)), labels, 3, random))
    assert np.isnan(found.learnability).all() == np.isnan(found.eta_squared).all() == (spare < 0)


@pytest.mark.parametrize("spare", [-1, 0])
def test_mutual_information_begins_where_classes_have_enough_images_on_average(spare):
    n = 3 * LEAST.information + spare
    labels = np.r_[np.zeros(n - 20, int), np.ones(10, int), np.full(10, 2)]
    levels = np.random.default_rng(0).integers(0, LEVELS, (n, 2))
    found = mutual_information(LevelCounts.of(levels, labels[None], 4).counts)
    assert np.isnan(found).all() == (spare < 0)


@pytest.mark.parametrize("spare", [-1, 0])
def test_tests_of_means_begin_where_two_classes_have_enough_images(spare):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [40, LEAST.means + spare, 2])
    scores = random.standard_normal((len(labels), 2))
    found = brown_forsythe(*grouped(scores, labels, 3), grouped(scores**2, labels, 3)[1])
    assert np.isnan(found.p_value).all() == (spare < 0)
    labels = np.repeat(np.arange(30), least_for_welch(30) + spare)
    scores = random.standard_normal((len(labels), 2))
    found = welch(*grouped(scores, labels, 30), grouped(scores**2, labels, 30)[1])
    assert np.isnan(found.p_value).all() == (spare < 0)


def test_mutual_information_of_independent_classes_is_near_zero_where_it_begins():
    """With one image of each of 50 classes it was -4.6 nats."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), LEAST.information)
    levels = np.argsort(np.argsort(random.standard_normal((len(labels), 40)), axis=0), axis=0) * LEVELS // len(labels)
    found = mutual_information(LevelCounts.of(levels, labels[None], 10).counts)
    assert abs(found.mean()) < 0.02
