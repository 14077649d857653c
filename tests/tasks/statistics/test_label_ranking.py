import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from tasks.statistics.label_ranking import LabelRanks, Ranking
from tasks.statistics.least import LEAST
from tasks.statistics.ranks import bins
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
def test_measures_are_those_of_the_binned_fits(seed, strength):
    fits, has = drawn(seed, strength=strength)
    found, binned = ranked(fits, has), bins(fits, fits.std(axis=0))
    assert found.images.tolist() == has.sum(axis=0).tolist()
    for label in np.flatnonzero(found.images >= LEAST.interval):
        own, at = has[:, label], binned[:, label]
        assert found.area[label] == pytest.approx(roc_auc_score(own, at))
        assert found.average_precision[label] == pytest.approx(average_precision_score(own, at))
        orders = [np.lexsort((tie_break, -at))[: own.sum()] for tie_break in (own, ~own)]  # the worst and the best
        worst, best = (own[order].mean() for order in orders)
        assert worst - 1e-9 <= found.precision[label] <= best + 1e-9
        assert found.accuracy[label] == pytest.approx(1 - 2 * own.mean() * (1 - found.precision[label]))


def test_bins_hardly_change_the_measures():
    fits, has = drawn(0, n=20_000)
    found = ranked(fits, has)
    for label, own in enumerate(has.T):
        assert found.area[label] == pytest.approx(roc_auc_score(own, fits[:, label]), abs=0.001)
        assert found.average_precision[label] == pytest.approx(average_precision_score(own, fits[:, label]), abs=0.002)
        named = fits[:, label] >= np.sort(fits[:, label])[-own.sum()]
        assert found.precision[label] == pytest.approx(f1_score(own, named), abs=0.002)
        assert found.accuracy[label] == pytest.approx((named == own).mean(), abs=0.002)


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
