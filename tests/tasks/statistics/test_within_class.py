import numpy as np
import pytest
from hypothesis import given, settings

from tasks.statistics.association import learnability
from tasks.statistics.sums import grouped
from tasks.statistics.value_cells import Cells, CellSums
from tasks.statistics.within_class import (
    Readers,
    effects,
    partial_learnability,
    read_accuracy,
    read_chance,
)
from tests.strategies import seeds


def drawn(seed, n=150, site=1.0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n)
    values = np.where(rng.random(n) < 0.5, classes, rng.integers(0, 4, n))
    scores = rng.standard_normal((n, 4)) + np.eye(3, 4)[classes] + site * rng.standard_normal((4, 4))[values]
    return scores, values, classes


def sums_of(scores, values, classes):
    table = np.zeros((4, 3), np.int64)
    np.add.at(table, (values, classes), 1)
    return table, grouped(scores, values, 4)[1], grouped(scores, classes, 3)[1], scores.T @ scores


def projected(scores, *columns):
    """Scatter that indicators explain, by least squares on the images."""
    design = np.column_stack([column[:, None] == np.unique(column) for column in columns]).astype(float)
    fit = design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    return fit.T @ fit


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_effects_are_those_of_least_squares(seed):
    scores, values, classes = drawn(seed)
    found = effects(*sums_of(scores, values, classes))
    fitted = found.of_class[classes] + found.of_value[values]
    np.testing.assert_allclose(fitted.T @ fitted, projected(scores, values, classes), atol=1e-7)
    np.testing.assert_allclose(
        found.between, projected(scores, values, classes) - projected(scores, classes), atol=1e-7
    )
    np.testing.assert_allclose(found.within, scores.T @ scores - projected(scores, classes), atol=1e-7)
    assert found.freedom == len(np.unique(values)) - 1


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_partial_learnability_is_pillais_trace_of_type_two_squares(seed):
    scores, values, classes = drawn(seed)
    both, own = projected(scores, values, classes), projected(scores, classes)
    within = scores.T @ scores - own
    expected = np.trace(np.linalg.solve(within, both - own)) / (len(np.unique(values)) - 1)
    found = partial_learnability(*sums_of(scores, values, classes))
    assert found.learnability == pytest.approx(expected, rel=1e-7)
    table, of_values, of_classes, cross = sums_of(scores, values, classes)
    swapped = partial_learnability(table.T, of_classes, of_values, cross)
    alone = projected(scores, values)
    expected = np.trace(np.linalg.solve(scores.T @ scores - alone, both - alone)) / 2
    assert swapped.learnability == pytest.approx(expected, rel=1e-7)


def test_of_one_class_partial_learnability_is_learnability():
    scores, values, _ = drawn(2)
    table = np.bincount(values, minlength=4)[:, None]
    found = partial_learnability(table, grouped(scores, values, 4)[1], scores.sum(axis=0)[None], scores.T @ scores)
    whole = learnability(table[:, 0], grouped(scores, values, 4)[1], scores.T @ scores)
    assert found.learnability == pytest.approx(whole, rel=1e-9)


def test_its_expectation_is_that_of_values_that_say_nothing():
    found = [partial_learnability(*sums_of(*drawn(seed, site=0.0))) for seed in range(60)]
    assert np.mean([one.learnability for one in found]) == pytest.approx(found[0].expected, rel=0.1)


def test_values_that_follow_from_the_class_have_no_partial_learnability():
    scores, _, classes = drawn(3)
    assert np.isnan(partial_learnability(*sums_of(scores, classes, classes)).learnability)


def test_readers_read_a_site_and_nothing_where_there_is_none():
    for site, expected in ((3.0, (0.85, 1.0)), (0.0, (0.17, 0.33))):
        scores, values, classes = drawn(5, n=2000, site=site)
        ids = np.random.default_rng(0).integers(0, 2**63, 2000).astype(np.uint64)
        cells = Cells.of(values, classes, ids, ids, 1)
        readers = Readers.of(CellSums.of(scores, cells, 4, 3))
        right = np.zeros((11, 4, 3))
        for number, (some, own) in enumerate(zip(readers.right(scores, cells), cells.values, strict=True)):
            np.add.at(right[number], (own[some], classes[some]), 1)
        counts = np.zeros((4, 3), np.int64)
        np.add.at(counts, (values, classes), 1)
        accuracies = read_accuracy(right, counts, readers.asked)
        assert expected[0] <= accuracies[0] <= expected[1]
        assert accuracies[1:].max() < 0.33
        assert read_chance(counts, readers.asked) == pytest.approx(0.25)


def test_an_image_is_read_by_readers_fitted_without_its_fold():
    scores, values, classes = drawn(6, n=400)
    ids = np.random.default_rng(1).integers(0, 2**63, 400).astype(np.uint64)
    cells = Cells.of(values, classes, ids, ids, 1)
    readers = Readers.of(CellSums.of(scores, cells, 4, 3))
    found = readers.right(scores, cells)[0]
    for fold in range(5):
        kept, asked = cells.folds != fold, cells.folds == fold
        own = effects(*sums_of(scores[kept], values[kept], classes[kept]))
        left = own.within - own.between
        covariance = (left + 4 * np.diag(np.diagonal(left)) / kept.sum()) / (kept.sum() + 4)
        away = (scores[asked] - own.of_class[classes[asked]])[:, None, :] - own.of_value
        distances = np.einsum("nvi,ij,nvj->nv", away, np.linalg.inv(covariance), away)
        distances[~readers.asked.T[classes[asked]]] = np.inf
        np.testing.assert_array_equal(found[asked], distances.argmin(axis=1) == values[asked])


def test_accuracy_weighs_values_of_a_class_alike_and_classes_by_their_images():
    asked = np.array([[True, True], [True, True], [True, False]])
    counts, right = np.array([[90, 10], [10, 30], [20, 5]]), np.array([[90, 5], [0, 30], [10, 0]])
    assert read_accuracy(right, counts, asked) == pytest.approx((0.5 * 120 + 0.75 * 40) / 160)
    assert read_chance(counts, asked) == pytest.approx((120 / 3 + 40 / 2) / 160)
    assert np.isnan(read_accuracy(right, counts, np.zeros_like(asked)))
    assert np.isnan(read_chance(counts, np.zeros_like(asked)))
