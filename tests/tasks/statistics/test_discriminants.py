import numpy as np
import pytest

from tasks.statistics.discriminants import class_discriminants
from tasks.statistics.sums import grouped
from tests import naive


@pytest.mark.parametrize("n", [25, 400])
def test_discriminants_are_scikit_learns_with_the_same_shrinkage(n):
    rng = np.random.default_rng(n)
    labels = np.r_[0, 1, 2, rng.integers(0, 3, n - 3)]
    scores = rng.standard_normal((n, 6)) @ rng.standard_normal((6, 6)) + rng.standard_normal((3, 6))[labels]
    judge = class_discriminants(*grouped(scores, labels, 4), scores.T @ scores)
    np.testing.assert_allclose(judge[:, :3], naive.discriminants(scores, labels), rtol=1e-6, atol=1e-9)
    assert judge[-1, 3] == -np.inf


def test_a_constant_pattern_and_no_images_do_no_harm():
    rng = np.random.default_rng(0)
    scores, labels = np.column_stack([rng.standard_normal(30), np.ones(30)]), rng.integers(0, 2, 30)
    assert np.isfinite(class_discriminants(*grouped(scores, labels, 2), scores.T @ scores)).all()
    empty = class_discriminants(np.zeros(2, np.int64), np.zeros((2, 2)), np.zeros((2, 2)))
    assert np.isfinite(empty[:-1]).all()
