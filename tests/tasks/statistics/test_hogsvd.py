import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings

from tasks.statistics.class_comparison import ClassComparison
from tasks.statistics.hogsvd import (
    REGULARISATION,
    Whitening,
    against_the_rest,
    agreement,
    angular_distance,
    expected_heterogeneity,
    generalized,
    heterogeneity,
    second_moments,
    shares,
)
from tasks.statistics.scatter import patterns_kept
from tasks.statistics.sums import BUDGET
from tests import naive
from tests.scores import scatter_of, varying
from tests.strategies import labelled_scores


def moments_of(scores, labels, classes):
    return second_moments(scatter_of(scores, labels, classes).take(0, [0, 1]), scores.mean(axis=0, dtype=np.float64))


@given(labelled_scores())
@settings(max_examples=30, deadline=None)
def test_second_moments_equal_naive(case):
    scores, labels, classes = case
    found = moments_of(scores, labels, classes)
    for one, expected in zip(found, naive.class_covariances(scores.astype(np.float64), labels, classes), strict=True):
        if expected is None:
            assert np.isnan(one).all()
        else:
            np.testing.assert_allclose(one, expected, rtol=1e-9, atol=1e-9)


def test_generalized_patterns_are_those_of_the_definition():
    scores, labels = varying()
    moments = moments_of(scores, labels, 4)
    whitening = Whitening.of(moments)
    whitened = whitening.apply(moments)
    np.testing.assert_allclose(whitened.sum(axis=0), np.eye(5), atol=1e-10)
    found = generalized(whitened)
    # Kempf, Goulart and Duncan: T in the coordinates of P^(1/2), by matrix functions.
    root = scipy.linalg.sqrtm(moments.sum(axis=0))
    inner = [np.linalg.inv(np.linalg.solve(root, np.linalg.solve(root, one).T).T) for one in moments]
    plain = [np.linalg.inv(np.linalg.inv(one) + REGULARISATION * np.eye(5)) for one in inner]
    values, vectors = np.linalg.eigh(np.mean(plain, axis=0))
    np.testing.assert_allclose(found.tau, values[::-1], rtol=1e-8)
    expected = (root @ vectors[:, ::-1]).T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    loadings = whitening.loadings(found.directions)
    np.testing.assert_allclose(np.abs((loadings * expected).sum(axis=1)), 1, atol=1e-9)
    shared = shares(whitened, found.directions)
    np.testing.assert_allclose(shared.sum(axis=1), 1, rtol=1e-12)
    # The share is that of the variance of the filtered scores.
    filters = whitening.filters @ found.directions
    for label, one in enumerate(moments):
        np.testing.assert_allclose(shared[:, label], np.einsum("im,ij,jm->m", filters, one, filters), rtol=1e-9)


def test_one_class_against_the_rest_solves_the_generalized_eigenproblem():
    scores, labels = varying(1)
    moments = moments_of(scores, labels, 4)
    whitening = Whitening.of(moments)
    found = against_the_rest(whitening.apply(moments), 5)
    for label in range(4):
        rest = (moments.sum(axis=0) - moments[label]) / 3
        values = scipy.linalg.eigh(moments[label], moments[label] + rest, eigvals_only=True)[::-1]
        np.testing.assert_allclose(found.angle[label], np.arctan(np.sqrt(values / (1 - values))) - np.pi / 4, rtol=1e-8)
        filters = whitening.filters @ found.directions[label]
        own = np.einsum("im,ij,jm->m", filters, moments[label], filters)
        np.testing.assert_allclose(found.share[label], own, rtol=1e-8)


def test_classic_higher_order_gsvd_is_the_by_product():
    """Ponnapalli et al.: eigenvalues of S = mean over pairs of (D_i D_j^-1 + D_j D_i^-1) / (C (C - 1) / 2) / 2."""
    scores, labels = varying(2)
    moments = moments_of(scores, labels, 4)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    quotient = sum(moments[i] @ np.linalg.inv(moments[j]) for i, j in pairs) / len(pairs)
    expected = np.sort(np.linalg.eigvals(quotient).real)[::-1]
    whitened = Whitening.of(moments).apply(moments)
    tau = np.linalg.eigvalsh(np.linalg.inv(whitened).mean(axis=0))[::-1]
    np.testing.assert_allclose((tau - 1) / 3, expected, rtol=1e-7)
    assert heterogeneity(whitened) == pytest.approx(tau.mean() / 4 - 1, rel=1e-9)


@pytest.mark.parametrize(("classes", "images", "rank"), [(2, 400, 10), (5, 800, 10), (8, 300, 20)])
def test_heterogeneity_of_equal_classes_is_what_is_expected(classes, images, rank):
    labels = np.arange(classes * images) % classes
    found = []
    for seed in range(20):
        moments = moments_of(np.random.default_rng(seed).standard_normal((len(labels), rank)), labels, classes)
        found.append(heterogeneity(Whitening.of(moments).apply(moments)))
    expected = expected_heterogeneity(np.full(classes, images), rank)
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(expected, abs=4 * error)
    assert error < 0.05 * expected


def test_classes_of_fewer_images_than_patterns_take_part():
    random = np.random.default_rng(3)
    labels = np.r_[np.zeros(100, int), np.ones(100, int), 2, 2, 2, 4]
    scores = random.standard_normal((204, 6)).astype(np.float32)
    moments = moments_of(scores, labels, 5)
    whitened = Whitening.of(moments).apply(moments)
    found = generalized(whitened)
    assert np.isfinite(found.tau).all()
    shared = shares(whitened, found.directions)
    assert np.isnan(shared[:, 3]).all()
    np.testing.assert_allclose(np.nansum(shared, axis=1), 1)
    assert np.isnan(heterogeneity(whitened))
    assert np.isnan(expected_heterogeneity(np.array([100, 100, 3, 0, 1]), 6))
    against = against_the_rest(whitened, 4)
    assert np.isnan(against.angle[3]).all()
    assert np.isfinite(against.angle[[0, 1, 2, 4]]).all()


def test_angles_tell_whose_variance_it_is():
    np.testing.assert_allclose(angular_distance(np.array([0.0, 0.1, 1.0]), 10), [-np.pi / 4, 0, np.pi / 4], atol=1e-15)


def test_agreement_needs_something_to_agree_on():
    assert agreement(np.array([[1.0, 2, 3]]), np.array([[2.0, 4, 6]])) == pytest.approx(1)
    assert np.isnan(agreement(np.array([[1.0, 2]]), np.array([[2.0, 4]])))
    assert np.isnan(agreement(np.ones((1, 4)), np.arange(4.0)[None]))
    assert agreement(np.array([[1.0, 2, 3, np.nan]]), np.array([[2.0, 4, 6, 1]])) == pytest.approx(1)


def test_a_planted_direction_is_found_and_replicates_and_shuffled_labels_find_none():
    random = np.random.default_rng(4)
    labels = random.integers(0, 5, 6000)
    direction = np.linalg.qr(random.standard_normal((8, 8)))[0][:, 0]
    scores = random.standard_normal((6000, 8))
    # Along one direction class 2 has four times the variance.
    scores += np.outer((labels == 2) * (scores @ direction), direction)
    part = random.integers(0, 3, 6000)
    scatter = scatter_of(scores, labels, 5, part, random.permutation(labels))
    true, shuffled = ClassComparison.of(scatter, 0), ClassComparison.of(scatter, 1)
    assert abs(true.whitening.loadings(true.against.directions[2])[0] @ direction) > 0.995
    assert abs(true.whitening.loadings(true.generalized.directions)[0] @ direction) > 0.97
    # 4 of 8 parts of the variance, and arctan(2) - pi/4.
    assert true.against.share[2, 0] == pytest.approx(0.5, abs=0.05)
    assert true.against.angle[2, 0] == pytest.approx(np.arctan(2) - np.pi / 4, abs=0.04)
    assert true.held_out_angle[2, 0] == pytest.approx(np.arctan(2) - np.pi / 4, abs=0.06)
    assert true.agreement > 0.85
    assert true.half_agreement > 0.85
    assert abs(shuffled.agreement) < 0.45
    assert shuffled.against.angle.max() < 0.12
    assert true.heterogeneity > 3 * shuffled.heterogeneity


def test_nothing_learned_gives_nothing():
    scores, labels = np.ones((3, 2)), np.arange(3)
    found = ClassComparison.of(scatter_of(scores, labels, 3, np.full(3, 2), labels), 0)
    assert np.isnan([found.heterogeneity, found.agreement, found.half_agreement, found.largest_share]).all()
    assert np.isnan(found.against.angle).all()


def test_patterns_kept_fit_the_budget():
    assert patterns_kept(10, 64) == 64
    assert 30 < patterns_kept(1000, 64) < 64
    assert patterns_kept(21_000, 64) >= 8
    assert patterns_kept(10**9, 64) == 1
    assert 8 * 6 * 21_000 * patterns_kept(21_000, 64) ** 2 <= BUDGET


def test_a_class_without_fitted_images_has_no_angles_anywhere():
    """Its directions would be those of a matrix of zeros, along which held-out images have some angle."""
    random = np.random.default_rng(5)
    labels, part = np.arange(300) % 3, np.arange(300) % 2
    part[labels == 1] = 2  # all images of class 1 are held out
    part[:90:3] = 2
    scores = random.standard_normal((300, 4))
    found = ClassComparison.of(scatter_of(scores, labels, 3, part), 0)
    assert np.isnan(found.held_out_angle[1]).all()
    assert np.isnan(found.against.angle[1]).all()
    assert np.isfinite(found.held_out_angle[0]).all()
    assert np.isnan(found.whitening.loadings(found.against.directions[1])).all()


def test_stronger_held_out_images_have_the_same_angles():
    """Variances of classes are compared with each other, not with those of the images that were learned from."""
    scores, labels = varying()
    part = np.arange(len(labels)) % 3
    mean = scores[part < 2].mean(axis=0, dtype=np.float64)
    stronger = np.where(part[:, None] == 2, mean + 3 * (scores - mean), scores)
    first, second = (ClassComparison.of(scatter_of(each, labels, 4, part), 0) for each in (scores, stronger))
    assert np.isfinite(first.held_out_angle).all()
    np.testing.assert_allclose(second.held_out_angle, first.held_out_angle, atol=1e-6)
