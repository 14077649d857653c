import numpy as np
import pytest

from tasks.statistics.alignment import centred_alignment


def naive(first, second):
    """By the kernels (n, n) of both, as it is defined."""
    about = [values - values.mean(axis=0) for values in (first, second)]
    kernels = [values @ values.T for values in about]
    both, one, other = ((kernels[i] * kernels[j]).sum() for i, j in ((0, 1), (0, 0), (1, 1)))
    return both / np.sqrt(one * other)


def found(first, second):
    x, y = (values - values.mean(axis=0) for values in (first, second))
    return centred_alignment(x.T @ y, x.T @ x, y.T @ y)


def test_it_is_the_alignment_of_kernels():
    random = np.random.default_rng(0)
    for features in (1, 5, 40):
        first, second = random.standard_normal((30, 7)), random.standard_normal((30, features))
        assert found(first, second) == pytest.approx(naive(first, second))


def test_rotations_and_scales_change_nothing():
    random = np.random.default_rng(1)
    values = random.standard_normal((50, 6)) * [9, 5, 3, 2, 1, 1]
    rotation = np.linalg.qr(random.standard_normal((6, 6)))[0]
    assert found(values, 3 * values @ rotation + 5) == pytest.approx(1)


def test_what_does_not_vary_has_none():
    assert np.isnan(found(np.ones((5, 2)), np.eye(5)))
