import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import Ridge as SklearnRidge

from tasks.statistics import classifiers, ridge
from tasks.statistics.classifiers import ROUNDED, Quadratic, Ridge
from tasks.statistics.ridge import PENALTIES
from tests import naive
from tests.scores import moments_of, scatter_of, varying
from tests.strategies import labelled_scores


def lead(posteriors):
    """By how much the likeliest class of each image leads the next."""
    last = np.sort(posteriors, axis=1)
    return last[:, -1] - last[:, -2]


def learned(scores, labels, classes):
    return scatter_of(scores, labels, classes).take(0, [0, 1])


@given(labelled_scores())
@settings(max_examples=30, deadline=None)
def test_quadratic_equals_naive(case):
    scores, labels, classes = case
    exact = scores.astype(np.float64)
    if len(labels) - len(np.unique(labels)) <= scores.shape[1]:
        return  # the pooled covariance is singular: the oracle cannot invert it
    posteriors = naive.quadratic_posteriors(exact, labels, classes, exact)
    found = Quadratic.of(learned(scores, labels, classes)).predict(exact)
    clear = lead(posteriors) > 1e-4
    np.testing.assert_array_equal(found[clear], posteriors.argmax(axis=1)[clear])


def test_quadratic_is_scikit_learns_when_images_abound():
    scores, labels = varying(5, n=20_000)
    ours = Quadratic.of(learned(scores, labels, 4)).predict(scores)
    theirs = QuadraticDiscriminantAnalysis().fit(scores, labels).predict(scores)
    # They differ near borders: ours are drawn to the pooled covariance by five images in five thousand.
    assert (ours == theirs).mean() > 0.98


def test_ridge_is_scikit_learns_at_the_best_of_the_penalties():
    random = np.random.default_rng(6)
    labels = random.integers(0, 4, 80)
    scores = random.standard_normal((80, 30)) * np.logspace(0, -2, 30) + 0.3 * np.eye(4, 30)[labels]
    indicators = np.eye(5)[labels]
    found = Ridge.of(learned(scores, labels, 5))
    centred = scores - scores.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred)
    errors = []
    for penalty in PENALTIES * values[-1]:
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(30), centred.T) + 1 / 80
        errors.append((((indicators - hat @ indicators) ** 2).sum()) / (80 - np.trace(hat)) ** 2)
    best = PENALTIES[int(np.argmin(errors))] * values[-1]
    theirs = SklearnRidge(alpha=best).fit(scores, indicators)
    np.testing.assert_allclose(found.weights.T, theirs.coef_, rtol=1e-6, atol=1e-9)
    at_zero = found.intercepts - found.centre @ found.weights
    np.testing.assert_allclose(at_zero[:4], theirs.intercept_[:4], rtol=1e-6)
    # The fifth class has no images.
    assert (found.predict(scores) < 4).all()


def test_a_class_without_images_is_never_predicted_and_one_of_a_single_image_may_be():
    random = np.random.default_rng(10)
    labels = np.r_[np.zeros(30, int), np.ones(30, int), 2]
    scores = random.standard_normal((61, 8)) + 20 * np.eye(3, 8)[labels]
    assert (Quadratic.of(learned(scores, labels, 4)).predict(scores) == labels).all()


@pytest.mark.parametrize("images", [1, 2])
def test_one_image_a_class_is_the_nearest_mean(images):
    random = np.random.default_rng(11)
    labels = np.tile(np.arange(20), images)
    scores = random.standard_normal((20, 5))[labels] * 5 + 0.01 * random.standard_normal((20 * images, 5))
    assert (Quadratic.of(learned(scores, labels, 20)).predict(scores) == labels).all()
    assert (Ridge.of(learned(scores, labels, 20)).predict(scores) >= 0).all()


@pytest.mark.parametrize(("apart", "exact"), [(1, False), (1000, True)], ids=["float32", "float64"])
def test_many_classes_are_judged_as_one_by_one(monkeypatch, apart, exact):
    """Blocks of images, and float32 where it is exact enough, change log-posteriors by less than stated."""
    random = np.random.default_rng(12)
    labels = np.tile(np.arange(300), 20)
    scores = apart * random.standard_normal((300, 6))[labels] + random.standard_normal((6000, 6))
    classifier = Quadratic.of(learned(scores, labels, 300))
    places = (scores - classifier.centre) @ classifier.filters
    assert classifier._rough(places).any() != exact  # noqa: SLF001 - the test must know
    found = classifier.predict(scores)
    posteriors = naive.quadratic_posteriors(scores, labels, 300, scores)
    clear = lead(posteriors) > ROUNDED
    np.testing.assert_array_equal(found[clear], posteriors.argmax(axis=1)[clear])
    monkeypatch.setattr(classifiers, "ROUNDED", 0)
    np.testing.assert_array_equal(classifier.predict(scores)[clear], found[clear])


@given(labelled_scores())
@settings(max_examples=10, deadline=None)
def test_ridge_without_an_image_equals_fitting_without_it(case):
    scores, labels, classes = case
    exact = scores.astype(np.float64)
    everyone = np.ones(len(labels), bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "PENALTIES", np.array([1e-3]))
        found = Ridge.of(moments_of(exact, labels, classes)).fits(exact, labels, everyone)
    centred = exact - exact.mean(axis=0)
    penalty = 1e-3 * np.linalg.eigvalsh(centred.T @ centred)[-1]
    indicators = np.eye(classes)[labels]
    present = np.bincount(labels, minlength=classes) > 0
    for one in range(len(labels)):
        others = np.arange(len(labels)) != one
        fitted = SklearnRidge(alpha=penalty, solver="cholesky").fit(exact[others], indicators[others])
        np.testing.assert_allclose(found[one, present], fitted.predict(exact[[one]])[0, present], rtol=1e-6, atol=1e-8)
    assert (found[:, ~present] == -np.inf).all()
    assert (Ridge.of(moments_of(exact, labels, classes)).fits(exact, labels, ~everyone)[:, ~present] == -np.inf).all()
