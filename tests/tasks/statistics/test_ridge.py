import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.ridge import PENALTIES, best_penalties
from tests.strategies import seeds


def generalized_cross_validation(scores, target, penalty):
    """Mean squared residual over the squared mean of 1 - leverage, by the matrix that turns values into fits."""
    n, centred = len(scores), scores - scores.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(scores.shape[1])
    hat = centred @ np.linalg.solve(gram, centred.T) + 1 / n
    return ((target - hat @ target) ** 2).mean() / (1 - np.trace(hat) / n) ** 2


@given(seeds, st.sampled_from([0.01, 1.0, 100.0]))
@settings(max_examples=20, deadline=None)
def test_each_target_gets_the_penalty_of_least_cross_validated_error(seed, noise):
    random = np.random.default_rng(seed)
    scores = random.standard_normal((60, 8)) * np.logspace(0, -2, 8)
    targets = scores @ random.standard_normal((8, 3)) + noise * random.standard_normal((60, 3))
    centred = scores - scores.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    products = vectors.T @ centred.T @ targets
    found = best_penalties(values, products**2, ((targets - targets.mean(axis=0)) ** 2).sum(axis=0), 60)
    for target, penalty in zip(targets.T, found, strict=True):
        errors = [generalized_cross_validation(scores, target, one) for one in PENALTIES * values[-1]]
        assert generalized_cross_validation(scores, target, penalty) == pytest.approx(min(errors), rel=1e-9)


def test_a_penalty_that_leaves_no_degree_of_freedom_is_not_chosen():
    values = np.ones(10)
    assert best_penalties(values, np.ones((10, 1)), np.full(1, 10.0), 5)[0] >= 1.25  # 10 / (1 + penalty) < 4
