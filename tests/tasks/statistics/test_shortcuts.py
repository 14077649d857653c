from collections import Counter

import numpy as np
import pytest

from benchmarks.shortcuts import scores_of, shortcut_of
from tasks.statistics.bootstrap import Estimate
from tasks.statistics.rightness import Lost, Read
from tasks.statistics.shortcuts import (
    CLEAN,
    CONFOUNDED,
    HARMLESS,
    INFLATED,
    UNDECIDED,
    Told,
    verdict,
)
from tests.planted import RANK, images_of_sites, shortcut_of_site

CASES = [(0.8, 0.1, CONFOUNDED), (0.0, 0.1, HARMLESS), (0.8, 0.0, CLEAN), (0.0, 0.0, CLEAN)]


@pytest.mark.parametrize(("correlation", "brighter", "expected"), CASES)
def test_a_planted_site_gets_its_verdict(correlation, brighter, expected):
    assert [shortcut_of_site(seed, correlation, brighter).verdict for seed in range(3)] == [expected] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("correlation", "brighter", "expected"), CASES)
def test_in_95_of_100_seeds_a_planted_site_gets_its_verdict(correlation, brighter, expected):
    given = Counter(shortcut_of_site(seed, correlation, brighter).verdict for seed in range(100))
    assert given[expected] >= 95, given


def test_the_numbers_of_a_planted_site_are_what_was_planted():
    found = shortcut_of_site(1, 0.8, 0.1)
    assert found.told.cramers_v == pytest.approx(0.8, abs=0.05)
    assert found.told.accuracy == pytest.approx(0.9, abs=0.03)
    assert found.told.p_value == pytest.approx(1 / 201)
    assert found.read.accuracy.value > 0.9
    assert found.read.chance == pytest.approx(0.5)
    assert found.lost.inflation.value > 0.1
    assert found.class_given_value.learnability < found.value_given_class.learnability
    assert found.value_given_class.learnability > 20 * found.value_given_class.expected
    assert 0.2 < found.eta_squared.max() < found.value_given_class.learnability
    for one in (found.read.accuracy, found.lost.loss, found.lost.inflation):
        assert one.low <= one.value <= one.high


def test_inflation_is_what_is_lost_on_images_whose_sites_do_not_go_with_the_class():
    """The oracle: the same judge on images that were drawn with independent sites."""
    images, labels, sites = images_of_sites(3, 0.8, 0.1, n=6000)
    others, other_labels, other_sites = images_of_sites(4, 0.0, 0.1, n=6000)
    scores = scores_of(np.concatenate([images, others]), RANK)
    found = shortcut_of(scores[:6000], labels, sites)
    means = np.stack([scores[:6000][labels == label].mean(axis=0) for label in (0, 1)])
    within = np.cov((scores[:6000] - means[labels]).T)
    direction = np.linalg.solve(within, means[1] - means[0])
    predicted = (scores - means.mean(axis=0)) @ direction > 0
    accuracies = [np.mean(predicted[:6000] == labels), np.mean(predicted[6000:] == other_labels)]
    assert found.lost.accuracy == pytest.approx(accuracies[0], abs=0.01)
    assert found.lost.inflation.value == pytest.approx(accuracies[0] - accuracies[1], abs=0.03)
    assert len(other_sites) == 6000


def test_too_few_images_of_a_value_and_class_give_no_verdict():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 100)
    each_its_own = shortcut_of(rng.standard_normal((200, 3)), labels, np.arange(200) % 30)
    assert each_its_own.verdict == UNDECIDED
    the_class_itself = shortcut_of(rng.standard_normal((200, 3)), labels, labels)
    assert the_class_itself.verdict == UNDECIDED
    assert the_class_itself.told.cramers_v == pytest.approx(1)
    assert np.isnan(the_class_itself.lost.loss.value)
    one_value = shortcut_of(rng.standard_normal((200, 3)), labels, np.zeros(200, np.int64))
    assert one_value.verdict == UNDECIDED


def estimate(value):
    return Estimate(value, value - 0.005, value + 0.005)


def test_verdicts_follow_from_the_numbers():
    told = Told(0.5, 0.05, 0.005, 0.8, 0.8, 0.5)
    read = Read(Estimate(0.8, 0.75, 0.85), 0.5, 0.55, 1.0)
    lost = Lost(0.9, 0.7, estimate(0.1), np.zeros((3, 2)), estimate(0.1), np.array([5, 5]))
    assert verdict(told, read, lost) == CONFOUNDED
    assert verdict(told._replace(cramers_v=0.2), read, lost) == INFLATED
    assert verdict(told._replace(cramers_v=0.09), read, lost) == HARMLESS
    assert verdict(told._replace(cramers_v=0.2, largest_shuffled=0.2), read, lost) == HARMLESS
    weak = told._replace(cramers_v=0.2)
    for name in ("inflation", "loss"):
        both = lost._replace(**{"inflation": estimate(0.0), "loss": estimate(0.0), name: estimate(0.1)})
        assert verdict(told, read, both) == CONFOUNDED
        assert verdict(weak, read, both) == (INFLATED if name == "inflation" else HARMLESS)
    small = lost._replace(loss=estimate(0.0), inflation=estimate(0.008))
    assert verdict(told, read, small) == HARMLESS
    assert verdict(told, read, small._replace(inflation=Estimate(0.03, -0.01, 0.07))) == UNDECIDED
    assert verdict(told, read, small._replace(loss=Estimate(0.03, -0.01, 0.07))) == UNDECIDED
    assert verdict(weak, read, small._replace(inflation=Estimate(0.015, -0.01, 0.02))) == HARMLESS
    assert verdict(told, read, small._replace(inflation=estimate(np.nan))) == UNDECIDED
    assert verdict(told, read._replace(accuracy=Estimate(0.52, 0.51, 0.53)), lost) == CLEAN
    assert verdict(told, read._replace(accuracy=Estimate(0.8, 0.54, 0.9)), lost) == CLEAN
    assert verdict(told, read._replace(asked=0.4), lost) == UNDECIDED
    assert verdict(told._replace(cramers_v=np.nan), read, lost) == UNDECIDED
