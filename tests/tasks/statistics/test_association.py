import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.statistics.association import (
    ClassSums,
    adjusted,
    cap,
    control,
    expected_null,
    explained,
    learnability,
    pairs,
    q_values,
    variance,
    whitened_means,
)
from tasks.statistics.sums import flattened, grouped
from tests import naive
from tests.strategies import labelled_scores, seeds


def sums_of(scores, labels, classes, permutations=2, seed=0):
    random = np.random.default_rng(seed)
    shuffled = np.stack([random.permutation(labels) for _ in range(permutations)])
    return ClassSums.of(scores.astype(np.float64), labels, shuffled, classes), shuffled


@given(labelled_scores())
@settings(max_examples=80, deadline=None)
def test_variance_equals_scipy_and_naive(case):
    scores, labels, classes = case
    sums, _ = sums_of(scores, labels, classes)
    result = variance(sums.counts, sums.sums, sums.cross)
    exact = scores.astype(np.float64)
    np.testing.assert_allclose(result.eta_squared, naive.eta_squared(exact, labels), rtol=1e-9, atol=1e-12)
    f_statistic, p_value = stats.f_oneway(*[exact[labels == label] for label in np.unique(labels)])
    np.testing.assert_allclose(result.f_statistic, f_statistic, rtol=1e-9)
    np.testing.assert_allclose(result.p_value, p_value, rtol=1e-7, atol=1e-300)
    np.testing.assert_allclose(q_values(p_value), naive.benjamini_hochberg(p_value), rtol=1e-7, atol=1e-300)
    np.testing.assert_allclose(result.within, naive.pooled_within(exact, labels), rtol=1e-9)
    present, n = len(np.unique(labels)), len(labels)
    total = ((exact - exact.mean(axis=0)) ** 2).sum(axis=0)
    omega = (result.eta_squared * total - (present - 1) * result.within) / (total + result.within)
    np.testing.assert_allclose(result.omega_squared, omega, rtol=1e-8, atol=1e-12)
    assert n == sums.counts.sum()


@given(labelled_scores())
@settings(max_examples=60, deadline=None)
def test_learnability_equals_pillais_trace(case):
    scores, labels, classes = case
    sums, shuffled = sums_of(scores, labels, classes)
    exact = scores.astype(np.float64)
    value = learnability(sums.counts, sums.sums, sums.cross)
    assert value == pytest.approx(naive.learnability(exact, labels), rel=1e-8)
    assert 0 <= value <= 1 + 1e-12
    result = control(sums)
    for number, permutation in enumerate(shuffled):
        assert result.learnability[number] == pytest.approx(naive.learnability(exact, permutation), rel=1e-8)
        np.testing.assert_allclose(result.eta_squared[number], naive.eta_squared(exact, permutation), rtol=1e-8)


@given(labelled_scores())
@settings(max_examples=60, deadline=None)
def test_pairs_equal_naive(case):
    scores, labels, classes = case
    sums, _ = sums_of(scores, labels, classes)
    exact = scores.astype(np.float64)
    result = pairs(sums, variance(sums.counts, sums.sums, sums.cross).within)
    for label in range(classes):
        if not (labels == label).any():
            assert np.isnan(result.cohens_d[:, label]).all()
            assert np.isnan(result.p_value[:, label]).all()
            continue
        np.testing.assert_allclose(result.mean_score[:, label], exact[labels == label].mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(result.cohens_d[:, label], naive.cohens_d(exact, labels, label), rtol=1e-8)
    np.testing.assert_allclose(result.energy_share.sum(axis=1), 1, rtol=1e-12)


def test_pair_p_value_is_the_t_tests_with_two_classes():
    random = np.random.default_rng(0)
    scores = random.standard_normal((40, 3)).astype(np.float32)
    labels = np.arange(40) % 2
    sums, _ = sums_of(scores, labels, 2)
    result = pairs(sums, variance(sums.counts, sums.sums, sums.cross).within)
    expected = stats.ttest_ind(scores[labels == 0].astype(float), scores[labels == 1].astype(float)).pvalue
    np.testing.assert_allclose(result.p_value[:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(result.p_value[:, 1], expected, rtol=1e-9)


@given(labelled_scores(), st.data())
@settings(max_examples=40, deadline=None)
def test_any_split_into_shards_agrees(case, data):
    scores, labels, classes = case
    whole, shuffled = sums_of(scores, labels, classes)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(labels)), max_size=4)))
    parts = zip(np.split(scores, cuts), np.split(labels, cuts), np.split(shuffled, cuts, axis=1), strict=True)
    sums = [ClassSums.of(part[0].astype(np.float64), *part[1:], classes) for part in parts]
    order = data.draw(st.permutations(range(len(sums))))
    merged = sum((sums[i] for i in order[1:]), sums[order[0]])
    ours, theirs = flattened(merged), flattened(whole)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-12, atol=1e-12 * len(labels), err_msg=name)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_null_expectation(seed):
    random = np.random.default_rng(seed)
    n, k = 60, 4
    labels = np.arange(n) % 5
    scores = random.standard_normal((n, k)).astype(np.float32)
    sums, _ = sums_of(scores, labels, 5, permutations=400, seed=seed)
    result = control(sums)
    assert result.learnability.mean() == pytest.approx(expected_null(k, n), rel=0.15)
    assert result.eta_squared.mean() == pytest.approx(4 / (n - 1), rel=0.15)


def test_a_constant_pattern_has_no_statistics_but_spoils_no_other():
    random = np.random.default_rng(0)
    scores = random.standard_normal((30, 2)).astype(np.float32)
    scores[:, 1] = 0.1
    labels = np.arange(30) % 3
    sums, _ = sums_of(scores, labels, 3)
    result = variance(sums.counts, sums.sums, sums.cross)
    assert np.isnan([result.eta_squared[1], result.f_statistic[1], result.p_value[1]]).all()
    assert learnability(sums.counts, sums.sums, sums.cross) == pytest.approx(result.eta_squared[0] / 2)


def test_classes_that_do_not_vary_are_told_apart_without_infinite_numbers():
    labels = np.arange(20) % 2
    scores = np.where(labels == 0, -1, 1)[:, None].astype(np.float32)
    sums, _ = sums_of(scores, labels, 2)
    result = variance(sums.counts, sums.sums, sums.cross)
    assert result.eta_squared[0] == pytest.approx(1)
    assert np.isnan(result.f_statistic[0])
    assert result.p_value[0] == 0
    assert np.isnan(pairs(sums, result.within).cohens_d).all()


def test_one_image_a_class_leaves_nothing_to_test():
    scores = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
    sums, _ = sums_of(scores, np.arange(6), 6)
    result = variance(sums.counts, sums.sums, sums.cross)
    np.testing.assert_allclose(result.eta_squared, 1)
    assert np.isnan(result.f_statistic).all()
    assert np.isnan(result.p_value).all()


def test_q_values_pass_over_undefined_p_values():
    q = q_values(np.array([[0.01, np.nan], [0.04, 0.02]]))
    assert np.isnan(q[0, 1])
    np.testing.assert_allclose(q[[0, 1, 1], [0, 0, 1]], naive.benjamini_hochberg(np.array([0.01, 0.04, 0.02])))


def test_adjusted_learnability_spans_chance_to_one():
    assert adjusted(0.2, 0.2) == 0
    assert adjusted(1.0, 0.2) == 1
    assert expected_null(10, 5) == 1
    assert np.isnan(adjusted(1.0, 1.0))


@given(labelled_scores())
def test_whitened_means_have_the_products_of_the_inverse_scatter(case):
    """Of a class with a single image too, and of none without images."""
    scores, labels, classes = case[0].astype(np.float64), np.append(case[1][:-1], case[2]), case[2] + 2
    counts, sums = grouped(scores, labels, classes)
    means, sizes = whitened_means(counts, sums, scores.T @ scores)
    present = np.unique(labels)
    away = np.stack([scores[labels == label].mean(axis=0) for label in present]) - scores.mean(axis=0)
    about = scores - scores.mean(axis=0)
    np.testing.assert_array_equal(sizes, [(labels == label).sum() for label in present])
    np.testing.assert_allclose(means @ means.T, away @ np.linalg.inv(about.T @ about) @ away.T, rtol=1e-6, atol=1e-9)


@given(labelled_scores(), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_explained_variance_equals_naive(case, beyond):
    """Of all variance, of which a part lies beyond the patterns; scores need not be about their mean."""
    scores, labels, classes = case
    sums, _ = sums_of(scores, labels, classes)
    exact, n, present = scores.astype(np.float64), len(labels), len(np.unique(labels))
    left = beyond * n
    between = sum(
        (labels == label).sum() * ((exact[labels == label].mean(axis=0) - exact.mean(axis=0)) ** 2).sum()
        for label in np.unique(labels)
    )
    chance = (present - 1) * naive.pooled_within(exact, labels).sum()
    expected = (between - chance) / (((exact - exact.mean(axis=0)) ** 2).sum() + left)
    found = explained(sums, variance(sums.counts, sums.sums, sums.cross), float((exact**2).sum()) + left)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_explained_variance_is_zero_by_chance():
    random = np.random.default_rng(0)
    found = []
    for _ in range(200):
        scores, labels = random.standard_normal((300, 5)), random.integers(0, 40, 300)
        sums, _ = sums_of(scores, labels, 40)
        found.append(explained(sums, variance(sums.counts, sums.sums, sums.cross), float((scores**2).sum())))
    assert abs(np.mean(found)) <= 3 * np.std(found) / np.sqrt(200)


@pytest.mark.parametrize(("classes", "rank"), [(2, 5), (6, 5), (7, 5), (50, 5)])
def test_classes_that_are_fully_separated_reach_the_cap(classes, rank):
    random = np.random.default_rng(0)
    labels = np.arange(3 * classes) % classes
    sums, _ = sums_of(random.standard_normal((classes, rank))[labels], labels, classes)
    assert learnability(sums.counts, sums.sums, sums.cross) == pytest.approx(cap(rank, classes), rel=1e-6)
    assert np.isnan(cap(rank, 1))


def test_scores_on_no_pattern_have_no_learnability():
    assert np.isnan(learnability(np.array([3, 4]), np.zeros((2, 0)), np.zeros((0, 0))))
