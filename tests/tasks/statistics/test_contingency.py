import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from tasks.statistics.contingency import cramers_v, majority_right, one_against_rest, random_tables
from tests.strategies import seeds


def naive_v(table):
    """Bergsma's formula, word for word."""
    n, (rows, columns) = table.sum(), table.shape
    squares = chi2_contingency(table, correction=False).statistic / n
    excess = max(0, squares - (rows - 1) * (columns - 1) / (n - 1))
    r, c = (side - (side - 1) ** 2 / (n - 1) for side in (rows, columns))
    return min(1, np.sqrt(excess / min(r - 1, c - 1)))


@given(seeds, st.integers(2, 5), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_cramers_v_is_bergsmas(seed, values, classes):
    table = np.random.default_rng(seed).integers(1, 40, (values, classes))
    assert cramers_v(table) == pytest.approx(naive_v(table), abs=1e-9)
    with_nothing = np.pad(table, 1)
    assert cramers_v(with_nothing) == pytest.approx(naive_v(table), abs=1e-9)


def test_cramers_v_of_extreme_tables():
    assert cramers_v(np.diag([50, 30, 20])) == pytest.approx(1)
    assert cramers_v(np.full((3, 4), 25)) == 0
    assert np.isnan(cramers_v(np.array([[10, 20]])))
    assert np.isnan(cramers_v(np.zeros((3, 3), np.int64)))


def test_cramers_v_has_little_bias_where_there_is_no_association():
    tables = random_tables(np.full((8, 8), 3), 400, 1)
    assert cramers_v(tables).mean() < 0.06
    plain = [np.sqrt(chi2_contingency(table, correction=False).statistic / 192 / 7) for table in tables]
    assert np.mean(plain) > 0.18


def test_random_tables_keep_their_margins_and_vary_as_permutations_do():
    table = np.array([[30, 5, 0], [10, 25, 0], [0, 0, 0]])
    drawn = random_tables(table, 2000, 4)
    assert (drawn.sum(axis=1) == table.sum(axis=0)).all()
    assert (drawn.sum(axis=2) == table.sum(axis=1)).all()
    rng = np.random.default_rng(0)
    values, classes = np.repeat([0, 1], 35), np.repeat([0, 1], [40, 30])
    permuted = [(values[rng.permutation(70)] + classes == 0).sum() for _ in range(2000)]
    assert drawn[:, 0, 0].mean() == pytest.approx(np.mean(permuted), abs=0.2)
    assert drawn[:, 0, 0].std() == pytest.approx(np.std(permuted), rel=0.1)
    assert not random_tables(np.zeros((2, 2), np.int64), 3, 0).any()


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_majority_is_held_out(seed):
    rng = np.random.default_rng(seed)
    fold, value, label = (rng.integers(0, most, 60) for most in (5, 4, 3))
    counts = np.zeros((5, 4, 3), np.int64)
    np.add.at(counts, (fold, value, label), 1)
    right = np.zeros(3, np.int64)
    for f, v, c in zip(fold, value, label, strict=True):
        others = (fold != f) & (value == v) if ((fold != f) & (value == v)).any() else fold != f
        right[c] += np.bincount(label[others], minlength=3).argmax() == c
    np.testing.assert_array_equal(majority_right(counts), right)


def test_a_column_of_noise_tells_no_more_than_the_most_frequent_class():
    counts = np.zeros((5, 100, 2), np.int64)
    rng = np.random.default_rng(2)
    np.add.at(counts, (rng.integers(0, 5, 400), rng.integers(0, 100, 400), rng.integers(0, 2, 400)), 1)
    assert majority_right(counts).sum() / 400 < 0.56


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_one_against_rest_is_the_area_under_the_curve(seed):
    rng = np.random.default_rng(seed)
    numbers, labels = rng.integers(0, 7, 50), np.r_[0, 1, 2, rng.integers(0, 3, 47)]
    table = np.zeros((7, 3), np.int64)
    np.add.at(table, (numbers, labels), 1)
    found = one_against_rest(np.stack([table, table]))
    for label in range(3):
        assert found[1, label] == pytest.approx(roc_auc_score(labels == label, numbers))
