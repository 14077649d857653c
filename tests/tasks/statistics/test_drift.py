import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from tasks.statistics.drift import (
    bin_counts,
    decile_edges,
    eta_interval,
    interval_of_change,
    population_stability,
    principal_angles,
)


def orthonormal(random, rows, columns):
    return np.linalg.qr(random.standard_normal((columns, rows)))[0].T


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_angles_are_those_of_scipy(seed, k, m):
    random = np.random.default_rng(seed)
    first, second = orthonormal(random, k, 9), orthonormal(random, m, 9)
    expected = np.sort(np.degrees(subspace_angles(first.T, second.T)))
    np.testing.assert_allclose(principal_angles(first, second), expected, atol=1e-7)


def test_tiny_angles_are_exact():
    first = np.eye(2, 5)
    turned = first.copy()
    turned[1] = np.cos(1e-9) * first[1] + np.sin(1e-9) * np.eye(5)[4]
    np.testing.assert_allclose(principal_angles(first, turned), [0, np.degrees(1e-9)], rtol=1e-6, atol=1e-15)


def test_stability_index_by_hand():
    random = np.random.default_rng(0)
    before = random.standard_normal((5000, 2)).astype(np.float32)
    after = np.column_stack([random.standard_normal(5000), random.standard_normal(5000) + 1])
    edges = decile_edges(lambda: [before[:1000], before[1000:]])
    counts = [bin_counts(scores, edges) for scores in (before, after)]
    assert (counts[0] == 500).all()
    shares = [np.histogram(scores[:, 1], [-np.inf, *edges[:, 1], np.inf])[0] / 5000 for scores in (before, after)]
    by_hand = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    same, shifted = population_stability(*counts)
    assert same < 0.02
    assert shifted == pytest.approx(by_hand)
    assert np.isfinite(population_stability(counts[0], np.eye(10, 2, dtype=int) * 5)).all()


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(2), 200)

    def eta(shift):
        scores = random.standard_normal(400) + shift * labels
        means = np.array([scores[labels == label].mean() for label in range(2)])
        return (200 * (means - scores.mean()) ** 2).sum() / ((scores - scores.mean()) ** 2).sum()

    truth = [shift**2 / 4 / (1 + shift**2 / 4) for shift in (1.0, 0.7)]
    held = 0
    for _ in range(300):
        pair = [(value, *eta_interval(np.array(value), 400)) for value in (eta(1.0), eta(0.7))]
        low, high = interval_of_change(*pair)
        held += low <= truth[1] - truth[0] <= high
    assert 0.92 <= held / 300 <= 0.99
