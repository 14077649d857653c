import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.association import ClassSums
from tasks.statistics.class_distances import ClassDistances


def images(seed, n, k, classes):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    return random.normal(size=(n, k)) @ random.normal(size=(k, k)) + 5 * random.normal(size=(classes, k))[
        labels
    ], labels


def fitted(scores, labels, classes):
    return ClassDistances.of(ClassSums.of(scores, labels, np.empty((0, len(labels)), int), classes))


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 4))
def test_distances_are_those_of_mahalanobis(seed, k, classes):
    scores, labels = images(seed, 60, k, classes)
    away = np.stack([row - scores[labels == label].mean(axis=0) for row, label in zip(scores, labels, strict=True)])
    within = away.T @ away / (60 - len(np.unique(labels)))
    expected = np.sqrt(np.einsum("ij,jk,ik->i", away, np.linalg.inv(within), away) / k)
    found = fitted(scores, labels, classes).of_images(scores, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_distances_do_not_depend_on_the_units_of_the_patterns():
    scores, labels = images(1, 80, 4, 3)
    found = fitted(scores, labels, 3).of_images(scores, labels)
    scaled = scores * np.array([1, 10, 0.1, 3])
    np.testing.assert_allclose(fitted(scaled, labels, 3).of_images(scaled, labels), found, rtol=1e-6)


def test_a_class_without_images_has_no_distance():
    scores, labels = images(2, 40, 3, 2)
    distances = fitted(scores, labels, 3)
    assert np.isnan(distances.of_images(scores[:1], np.array([2]))).all()
    assert np.isfinite(distances.of_images(scores, labels)).all()


def test_scores_that_do_not_vary_within_classes_do_not_count():
    scores, labels = images(3, 40, 3, 2)
    scores[:, 1] = labels
    assert fitted(scores, labels, 2).whitening.shape == (3, 2)
    constant = np.zeros((40, 3))
    assert fitted(constant, labels, 2).of_images(constant, labels).tolist() == [0] * 40
