import numpy as np
import pytest
from hypothesis import given, settings

from tasks.statistics import quadratic_judge
from tasks.statistics.calibration import log_loss, normalized, temperature
from tasks.statistics.quadratic_judge import PRIORS, QuadraticJudge
from tests import naive
from tests.scores import moments_of, varying
from tests.strategies import labelled_scores


@given(labelled_scores())
@settings(max_examples=40, deadline=None)
def test_leaving_an_image_out_equals_fitting_without_it(case):
    scores, labels, classes = case
    exact = scores.astype(np.float64)
    if len(labels) - 1 - len(np.unique(labels)) <= scores.shape[1]:
        return  # without an image the pooled covariance is singular: the oracle cannot invert it
    judge = QuadraticJudge.of(moments_of(exact, labels, classes), exact, labels, entered=True)
    found = judge.log_posteriors(exact, labels, np.ones(len(labels), bool))
    expected = naive.left_out_quadratic(exact, labels, classes, float(judge.prior))
    alone = np.bincount(labels, minlength=classes)[labels] == 1
    assert (found[alone, labels[alone]] == -np.inf).all()
    np.testing.assert_allclose(normalized(found), normalized(expected), rtol=1e-4, atol=2e-4, equal_nan=True)


def test_an_image_that_did_not_enter_is_judged_by_all():
    every, known = varying(1, n=400)
    scores, labels, asked = every[:300], known[:300], every[300:]
    judge = QuadraticJudge.of(moments_of(scores, labels, 4), scores, labels, entered=True)
    found = judge.log_posteriors(asked, known[300:], np.zeros(100, bool))
    expected = naive.quadratic_posteriors(scores, labels, 4, asked, float(judge.prior))
    np.testing.assert_allclose(normalized(found), normalized(expected), rtol=1e-4, atol=2e-4)
    # Some that entered and some that did not, in any order.
    entered = np.arange(300) % 3 == 0
    mixed = judge.log_posteriors(scores, labels, entered)
    for mask in (entered, ~entered):
        alike = judge.log_posteriors(scores, labels, np.full(300, mask[0]))
        np.testing.assert_allclose(mixed[mask], alike[mask], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("n", "differ"), [(5000, True), (200, False)])
def test_the_prior_has_the_least_log_loss_on_the_way_from_the_strongest(monkeypatch, n, differ):
    """It is weak if classes differ and images abound, and strong if classes have the same covariance."""
    scores, labels = varying(2, n=n)
    if not differ:
        scores = np.random.default_rng(3).standard_normal((n, 5)) + np.eye(4, 5)[labels]
    moments = moments_of(scores, labels, 4)
    chosen = QuadraticJudge.of(moments, scores, labels, entered=True)
    losses = []
    for prior in PRIORS:
        monkeypatch.setattr(quadratic_judge, "PRIORS", np.array([prior]))
        logs = QuadraticJudge.of(moments, scores, labels, entered=True).log_posteriors(scores, labels, np.ones(n, bool))
        losses.append(log_loss(temperature(logs, labels) * logs, labels))
    assert float(chosen.prior) == 5 * PRIORS[int(np.argmin(losses))]
    assert (float(chosen.prior) <= 5 * 4) == differ


def test_many_classes_of_few_images_of_few_patterns():
    random = np.random.default_rng(4)
    labels = np.repeat(np.arange(100), 3)
    scores = 5 * random.standard_normal((100, 8))[labels] + random.standard_normal((300, 8))
    judge = QuadraticJudge.of(moments_of(scores, labels, 100), scores, labels, entered=True)
    found = judge.log_posteriors(scores, labels, np.ones(300, bool))
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == labels).mean() > 0.8


def test_without_images_every_class_is_impossible():
    nothing = np.zeros((0, 3)), np.zeros(0, int)
    judge = QuadraticJudge.of(moments_of(*nothing, 2), *nothing, entered=True)
    assert (judge.log_posteriors(np.ones((2, 3)), np.array([0, 1]), np.zeros(2, bool)) == -np.inf).all()


def test_labels_that_say_nothing_are_not_confirmed():
    """Where patterns are not few beside images, as in small datasets, an image does not vouch for its own label."""
    random = np.random.default_rng(5)
    scores, labels = random.standard_normal((360, 180)), random.integers(0, 3, 360)
    judge = QuadraticJudge.of(moments_of(scores, labels, 3), scores, labels, entered=True)
    found = judge.log_posteriors(scores, labels, np.ones(360, bool))
    assert (found.argmax(axis=1) == labels).mean() < 0.42
