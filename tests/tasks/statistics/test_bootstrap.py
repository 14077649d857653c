import numpy as np
import pytest

from tasks.statistics.bootstrap import FEWEST_GROUPS, GROUPS, REPLICATES, GroupSums, group_of, groups_kept, intervals
from tasks.statistics.relabelling import sample_ids
from tests import naive


def planted(seed, n=600, effect=0.6, classes=3, rank=4):
    """Scores whose first column depends on the class; its true eta squared, and the true learnability."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    scores = random.standard_normal((n, rank))
    means = effect * np.arange(classes)
    scores[:, 0] += means[labels]
    eta = means.var() / (means.var() + 1)
    return scores, labels, eta, eta / (classes - 1)


def groups_of(scores, labels, classes, seed=0):
    ids = sample_ids([f"{seed}/{row}" for row in range(len(scores))])
    return GroupSums.of(scores, labels, group_of(ids, seed, GROUPS), (GROUPS, classes)), group_of(ids, seed, GROUPS)


def test_replicates_are_those_of_repeated_images():
    scores, labels, _, _ = planted(0)
    sums, groups = groups_of(scores, labels, 3)
    found = intervals(sums, seed=5)
    weights = np.random.Generator(np.random.Philox(key=5)).poisson(1.0, (REPLICATES, GROUPS))
    etas, values = [], []
    for weight in weights:
        rows = np.repeat(np.arange(len(scores)), weight[groups])
        etas.append(naive.eta_squared(scores[rows], labels[rows]))
        values.append(naive.learnability(scores[rows], labels[rows]))
    low, high = np.percentile(values, (2.5, 97.5))
    value = naive.learnability(scores, labels)
    np.testing.assert_allclose(found.learnability, [2 * value - high, 2 * value - low], rtol=1e-8)
    low, high = np.percentile(etas, (2.5, 97.5), axis=0)
    eta = naive.eta_squared(scores, labels)
    np.testing.assert_allclose(found.eta_squared, np.clip([2 * eta - high, 2 * eta - low], 0, 1), atol=1e-10)


def test_intervals_cover_the_truth_as_often_as_they_say():
    covered = np.zeros(2)
    for seed in range(120):
        scores, labels, eta, learnability = planted(seed)
        found = intervals(groups_of(scores, labels, 3, seed)[0], seed)
        covered += [
            found.learnability[0] <= learnability <= found.learnability[1],
            found.eta_squared[0, 0] <= eta <= found.eta_squared[1, 0],
        ]
    # Of 95 %, within three standard errors of 120 draws.
    assert (covered / 120 >= 0.89).all()


def test_groups_fit_the_budget_or_are_left_out():
    assert groups_kept(10, 64) == GROUPS
    assert FEWEST_GROUPS <= groups_kept(1000, 64) < GROUPS
    assert groups_kept(21_000, 64) == 0
    nothing = GroupSums.of(np.ones((3, 2)), np.arange(3), np.zeros(3, int), (0, 21_000))
    found = intervals(nothing + nothing, 0)
    assert np.isnan(found.learnability).all()
    assert np.isnan(found.eta_squared).all()


def test_too_few_images_have_no_interval():
    scores, labels = np.random.default_rng(0).standard_normal((4, 2)), np.array([0, 0, 1, 1])
    assert np.isnan(intervals(groups_of(scores, labels, 2)[0], 0).learnability).all()


def test_groups_are_even():
    ids = sample_ids([str(row) for row in range(20_000)])
    counts = np.bincount(group_of(ids, 3, GROUPS), minlength=GROUPS)
    assert counts.mean() == pytest.approx(20_000 / GROUPS)
    assert counts.std() < 1.3 * np.sqrt(20_000 / GROUPS)
