import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.calibration import SHARES, best_share, combined, log_loss, normalized, temperature
from tests.strategies import seeds


def judged(seed, n=200, classes=4, right=0.6):
    """Log-posteriors whose largest entry is the label's for about a part of the images, and labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    logs = 3 * random.standard_normal((n, classes))
    rows = np.flatnonzero(random.random(n) < right)
    logs[rows, labels[rows]] = logs[rows].max(axis=1) + 1
    return logs, labels


@given(seeds, st.integers(2, 6))
@settings(max_examples=10, deadline=None)
def test_the_temperature_has_the_least_log_loss_of_any(seed, classes):
    logs, labels = judged(seed, classes=classes)
    found = temperature(logs, labels)
    tried = 2 ** np.linspace(-12, 12, 200)
    least = min(log_loss(one * logs, labels) for one in tried)
    assert log_loss(found * logs, labels) <= least + 1e-7


def test_a_stretched_judgement_is_brought_back():
    logs, labels = judged(0)
    found = temperature(logs, labels)
    assert temperature(8 * logs, labels) == pytest.approx(found / 8, rel=1e-3)
    # Constants of images mean nothing.
    shifted = logs + np.arange(len(labels))[:, None]
    assert temperature(shifted, labels) == pytest.approx(found, rel=1e-3)


def test_classes_and_labels_without_weight_are_left_out():
    logs, labels = judged(1)
    found, loss = temperature(logs, labels), log_loss(logs, labels)
    wider = np.column_stack([logs, np.full(len(labels), -np.inf)])
    assert temperature(wider, labels) == found
    assert log_loss(wider, labels) == pytest.approx(loss, rel=1e-12)
    unknown = np.vstack([wider, wider[:1]]), np.r_[labels, 4]
    assert temperature(*unknown) == found
    assert log_loss(*unknown) == pytest.approx(loss, rel=1e-12)
    assert temperature(wider[:0], labels[:0]) == 1
    assert np.isnan(log_loss(wider[:0], labels[:0]))


def test_probabilities_sum_to_one_however_far_apart():
    logs = np.array([[0.0, 1e5, -1e5], [-1e4, -1e4, -np.inf]])
    np.testing.assert_allclose(np.exp(normalized(logs)), [[0, 1, 0], [0.5, 0.5, 0]])
    assert np.isnan(normalized(np.full((1, 2), -np.inf))).all()


def test_the_better_judge_gets_the_greater_share():
    logs, labels = judged(2, n=2000, right=0.8)
    noise = normalized(np.random.default_rng(3).standard_normal(logs.shape))
    better = normalized(temperature(logs, labels) * logs)
    assert best_share(noise, better, labels) >= 0.75
    assert best_share(better, noise, labels) <= 0.25
    found = best_share(better, noise, labels)
    losses = [
        log_loss(temperature(combined(share, better, noise), labels) * combined(share, better, noise), labels)
        for share in SHARES
    ]
    assert SHARES[int(np.argmin(losses))] == found
    # A judge without weight adds nothing, not even where it is minus infinity.
    assert (combined(0, better, np.full_like(better, -np.inf)) == better).all()
    assert (combined(1, np.full_like(better, -np.inf), better) == better).all()
