import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from tasks.statistics.label_ranking import LabelRanks, Ranking
from tasks.statistics.least import LEAST
from tests.strategies import seeds


def drawn(seed, n=300, labels=3, strength=1.0):
    """Fits (n, L) and whether images have the labels (n, L), of which the last is rare."""
    random = np.random.default_rng(seed)
    has = random.random((n, labels)) < np.linspace(0.5, 0.1, labels)
    return random.standard_normal((n, labels)) + strength * has, has


def ranked(fits, has):
    """The measures, from counts of two pieces."""
    half, scale = len(fits) // 2, fits.std(axis=0)
    return LabelRanks.of(Ranking.of(fits[:half], has[:half], scale) + Ranking.of(fits[half:], has[half:], scale))


@given(seeds, st.sampled_from([0.0, 1.0, 10.0]))
@settings(max_examples=20, deadline=None)
def test_measures_are_scikit_learns(seed, strength):
    fits, has = drawn(seed, strength=strength)
    found = ranked(fits, has)
    for label in range(3):
        own = has[:, label]
        assert found.images[label] == own.sum()
        if own.sum() < LEAST.interval:
            assert np.isnan(found.area[label])
            continue
        assert found.area[label] == pytest.approx(roc_auc_score(own, fits[:, label]), abs=0.002)
        expected = average_precision_score(own, fits[:, label])
        assert found.average_precision[label] == pytest.approx(expected, abs=0.01)
        named = fits[:, label] >= np.sort(fits[:, label])[-own.sum()]
        assert found.precision[label] == pytest.approx(f1_score(own, named), abs=2 / own.sum())  # of a bin
        assert found.accuracy[label] == pytest.approx((named == own).mean(), abs=4 / 300)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_ties_count_as_in_scikit_learn(seed):
    """Fits with four values, far enough apart for bins of their own."""
    random = np.random.default_rng(seed)
    fits, has = random.integers(0, 4, (200, 1)) - 1.5, random.random((200, 1)) < 0.4
    found = ranked(fits, has)
    assert found.area[0] == pytest.approx(roc_auc_score(has[:, 0], fits[:, 0]))
    assert found.average_precision[0] == pytest.approx(average_precision_score(has[:, 0], fits[:, 0]))


def test_fits_that_say_nothing_name_a_random_part():
    has = np.arange(100)[:, None] < 20
    found = ranked(np.zeros((100, 1)), has)
    assert found.area[0] == pytest.approx(0.5)
    assert found.precision[0] == pytest.approx(0.2)
    assert found.accuracy[0] == pytest.approx(0.68)  # 16 of 20 missed, and 16 others named


def test_a_perfect_order_is_perfect():
    has = np.arange(100)[:, None] < 20
    found = ranked(has - 0.2, has)
    assert (found.area[0], found.average_precision[0], found.precision[0], found.accuracy[0]) == (1, 1, 1, 1)


def test_a_label_of_too_few_images_or_of_almost_all_is_not_judged():
    has = np.arange(100)[:, None] < np.array([LEAST.interval - 1, LEAST.interval, 101 - LEAST.interval, 0])
    found = ranked(np.random.default_rng(0).standard_normal((100, 4)), has)
    assert np.isfinite(found.area).tolist() == [False, True, False, False]
    assert found.images.tolist() == [9, 10, 91, 0]
