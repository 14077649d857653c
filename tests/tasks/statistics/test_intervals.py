import numpy as np
import pytest

from benchmarks.interval_coverage import CASES, Case, coverage, drawn, groups_of
from tasks.statistics.association import adjusted, expected_null, learnability, variance
from tasks.statistics.groups import GROUPS, GroupSums
from tasks.statistics.intervals import intervals
from tests import naive

QUICK = [CASES[number] for number in (1, 4, 5, 6)]


@pytest.mark.slow
@pytest.mark.parametrize("case", QUICK, ids=str)
def test_intervals_cover_the_truth_in_500_draws(case):
    """At least 93 % of all draws, less three standard errors of 500."""
    assert (coverage(case, 500) >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / 500)).all()


def test_intervals_cover_the_truth():
    """As above, in fewer draws."""
    assert (coverage(Case(150, 3, 5, 0.5), 60) >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / 60)).all()


@pytest.mark.parametrize("effect", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_an_interval_contains_its_estimate(effect, seed):
    random = np.random.default_rng(seed)
    scores, labels, *_ = drawn(Case(120, 4, 6, effect), random)
    low, high = intervals(groups_of(scores, labels, 4, random)).learnability
    value = adjusted(naive.learnability(scores, labels), expected_null(6, 120))
    assert low <= value <= high <= 1
    assert high - low < 1
    sums = groups_of(scores, labels, 4, random)
    estimates = variance(sums.counts.sum(axis=0), sums.sums.sum(axis=0), scores.T @ scores).omega_squared
    lows, highs = intervals(sums).eta_squared
    assert (lows <= estimates).all()
    assert (estimates <= highs).all()


def test_the_variance_is_that_of_leaving_out_each_group():
    random = np.random.default_rng(3)
    scores, labels, *_ = drawn(Case(2000, 4, 3, 0.5), random)
    groups = random.integers(0, GROUPS, len(labels))
    values = np.array([naive.learnability(scores[groups != g], labels[groups != g]) for g in range(GROUPS)])
    error = np.sqrt((GROUPS - 1) / GROUPS * ((values - values.mean()) ** 2).sum())
    low, high = intervals(GroupSums.of(scores, labels, groups, (GROUPS, 4))).learnability
    # The interval is not symmetric, but as wide as one of the variance at the estimate, nearly.
    assert high - low == pytest.approx(2 * 1.97 * error, rel=0.02)


def test_three_images_a_class_have_no_interval():
    """Random labels: the interval of 300 classes of 3 images lay far above the estimate, and called it a finding."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(300), 3)
    found = intervals(groups_of(random.standard_normal((900, 4)), labels, 300, random))
    assert np.isnan(found.learnability).all()
    assert np.isnan(found.eta_squared).all()


def test_a_class_that_lies_in_one_group_has_no_interval():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    groups = np.where(labels == 1, 7, random.integers(8, GROUPS, 90))
    found = intervals(GroupSums.of(random.standard_normal((90, 4)), labels, groups, (GROUPS, 3)))
    assert np.isnan(found.learnability).all()


def test_classes_without_images_change_nothing():
    random = np.random.default_rng(1)
    scores, labels, *_ = drawn(Case(120, 3, 4, 0.5), random)
    groups = random.integers(0, GROUPS, len(labels))
    some = intervals(GroupSums.of(scores, labels, groups, (GROUPS, 3)))
    more = intervals(GroupSums.of(scores, 2 * labels, groups, (GROUPS, 6)))
    for one, other in zip(some, more, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_scores_that_do_not_vary_have_no_interval_of_their_own_and_spoil_no_other():
    random = np.random.default_rng(2)
    scores, labels, *_ = drawn(Case(120, 3, 4, 0.5), random)
    scores[:, 3] = 0
    found = intervals(groups_of(scores, labels, 3, random))
    assert np.isnan(found.eta_squared[:, 3]).all()
    assert np.isfinite(found.eta_squared[:, :3]).all()
    assert np.isfinite(found.learnability).all()


def test_perfectly_separated_classes_have_an_interval_at_one():
    labels = np.arange(60) % 2
    scores = np.where(labels == 0, -1.0, 1.0)[:, None]
    found = intervals(groups_of(scores, labels, 2, np.random.default_rng(0)))
    np.testing.assert_allclose(found.learnability, 1)
    assert learnability(np.array([30, 30]), np.array([[-30.0], [30.0]]), np.array([[60.0]])) == pytest.approx(1)
