import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats
from sklearn.metrics import mutual_info_score, roc_auc_score

from tasks.statistics.ranks import (
    BINS,
    LEVELS,
    MOST_SORTED,
    Distribution,
    LevelCounts,
    area_under_curve,
    bins,
    kruskal_wallis,
    labellings_counted,
    mutual_information,
    sorted_whole,
)
from tasks.statistics.sums import BUDGET, LabelSums
from tests.strategies import labelled_scores


def ranked(scores, labels, classes, *, keep=True):
    """Distribution and ranks of scores, and counts and sums of ranks of the classes."""
    exact, scale = scores.astype(np.float64), np.maximum(scores.astype(np.float64).std(axis=0), 1e-300)
    found = Distribution.of(exact, scale, keep=keep)
    ranks = found.ranks(exact, scale)
    sums = LabelSums.of(ranks, labels[None], classes)
    return found, ranks, sums.counts[0], sums.sums[0]


@pytest.mark.parametrize("keep", [False, True])
@given(case=labelled_scores())
@settings(max_examples=40, deadline=None)
def test_kruskal_wallis_and_auc_are_exact_for_the_scores_or_for_their_bins(keep, case):
    scores, labels, classes = case
    found, _, counts, rank_sums = ranked(scores, labels, classes, keep=keep)
    exact = scores.astype(np.float64)
    values = exact if keep else bins(exact, exact.std(axis=0))
    statistic, p_value = kruskal_wallis(counts, rank_sums, found.ties())
    area = area_under_curve(counts, rank_sums)
    for column in range(scores.shape[1]):
        groups = [values[labels == label, column] for label in np.unique(labels)]
        expected = stats.kruskal(*groups)
        assert statistic[column] == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
        assert p_value[column] == pytest.approx(expected.pvalue, rel=1e-7)
        for label in range(classes):
            if label in labels:
                expected_area = roc_auc_score(labels == label, values[:, column])
                assert area[label, column] == pytest.approx(expected_area, abs=1e-12)
            else:
                assert np.isnan(area[label]).all()


@pytest.mark.parametrize("n", [12, 5000])
def test_ranks_are_exact_for_clustered_and_heavy_scores(n):
    """Most scores lie in a few bins, because one is far away: the histogram's AUC is off by more than a hundredth."""
    random = np.random.default_rng(n)
    labels = np.arange(n) % 3
    scores = (random.standard_normal((n, 1)) * 0.01 + 0.005 * labels[:, None]).astype(np.float32)
    scores[0] = 1000
    area = {}
    for keep in (True, False):
        _, _, counts, rank_sums = ranked(scores, labels, 3, keep=keep)
        area[keep] = area_under_curve(counts, rank_sums)[:, 0]
    expected = [roc_auc_score(labels == label, scores[:, 0]) for label in range(3)]
    np.testing.assert_allclose(area[True], expected, atol=1e-12)
    assert np.abs(area[False] - expected).max() > 0.01
    assert sorted_whole(5000, 64)
    assert not sorted_whole(MOST_SORTED // 64 + 1, 64)


def test_any_shards_have_the_same_distribution():
    random = np.random.default_rng(0)
    scores, scale = np.round(random.standard_normal((50, 3)), 1), np.ones(3)
    whole = Distribution.of(scores, scale, keep=True)
    parts = [Distribution.of(some, scale, keep=True) for some in np.split(scores[random.permutation(50)], [7, 7, 30])]
    merged = parts[2] + (parts[0] + parts[3]) + parts[1]
    np.testing.assert_array_equal(merged.scores, whole.scores)
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_binning_changes_next_to_nothing():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 4000)
    heavy = random.standard_t(2, (4000, 1)) + 0.3 * labels[:, None]
    smooth = random.standard_normal((4000, 1)) + 0.3 * labels[:, None]
    for scores in (heavy, smooth):
        found, _, counts, rank_sums = ranked(scores, labels, 5, keep=False)
        expected = stats.kruskal(*[scores[labels == label, 0] for label in range(5)]).statistic
        assert kruskal_wallis(counts, rank_sums, found.ties())[0][0] == pytest.approx(expected, rel=2e-3)
        area = roc_auc_score(labels == 4, scores[:, 0])
        assert area_under_curve(counts, rank_sums)[4, 0] == pytest.approx(area, abs=2e-4)


def test_bins_cover_all_numbers_in_order():
    values = np.array([-np.finfo(float).max, -1e9, -3, -0.01, 0, 0.01, 3, 1e9, np.finfo(float).max])[:, None]
    found = bins(values, np.ones(1))[:, 0]
    assert found[0] == 0
    assert found[-1] == BINS - 1
    assert (np.diff(found) >= 0).all()
    assert found[4] == BINS // 2


def test_mutual_information_is_the_plug_in_estimate_less_its_bias():
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 3000)
    scores = random.standard_normal((3000, 2)) + np.outer(labels, [0.0, 0.5])
    distribution, ranks, _, _ = ranked(scores, labels, 5)
    levels = distribution.levels(ranks)
    assert np.bincount(levels[:, 0]).min() > 3000 / LEVELS * 0.85
    found = mutual_information(LevelCounts.of(levels, labels[None], 5).counts)[0]
    bias = 3 * (LEVELS - 1) / (2 * 3000)
    for column in range(2):
        plug_in = mutual_info_score(labels, levels[:, column])
        assert found[column] == pytest.approx(plug_in - bias, abs=1e-12)
    assert abs(found[0]) < 0.005
    assert found[1] > 0.1


@pytest.mark.parametrize("keep", [False, True])
def test_one_value_and_one_class_have_no_statistics(keep):
    scores = np.zeros((10, 1))
    found, ranks, counts, rank_sums = ranked(scores, np.arange(10) % 2, 2, keep=keep)
    assert np.isnan(kruskal_wallis(counts, rank_sums, found.ties())).all()
    np.testing.assert_allclose(area_under_curve(counts, rank_sums), 0.5)
    whole = LabelSums.of(ranks, np.zeros((1, 10), int), 1)
    assert np.isnan(area_under_curve(whole.counts[0], whole.sums[0])).all()


def test_information_is_left_out_where_it_would_take_too_much_memory():
    assert labellings_counted(10, 64, 21) == 9
    assert labellings_counted(10, 64, 3) == 3
    assert 1 < labellings_counted(1000, 64, 21) < 9
    assert labellings_counted(21_000, 64, 21) == 0
    assert 8 * labellings_counted(1000, 64, 21) * 1000 * 64 * LEVELS <= BUDGET
    empty = LevelCounts.of(np.zeros((3, 64), int), np.zeros((0, 3), int), 21_000)
    assert mutual_information((empty + empty).counts).shape == (0, 64)
