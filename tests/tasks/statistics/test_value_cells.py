from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings

from tasks.statistics.sums import BUDGET
from tasks.statistics.value_cells import MOST_VALUES, SHUFFLES, Cells, CellSums, most_values, shuffled_within
from tests.strategies import seeds


def drawn(seed, n=120):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 2**63, n).astype(np.uint64)
    cells = Cells.of(rng.integers(0, 3, n), rng.integers(0, 4, n), ids, ids, seed)
    return rng.standard_normal((n, 5)), cells


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_sums_are_those_of_the_images_and_add_up(seed):
    scores, cells = drawn(seed)
    whole = CellSums.of(scores, cells, 3, 4)
    parts = [CellSums.of(scores[rows], cells.take(rows), 3, 4) for rows in (slice(0, 50), slice(50, 120))]
    for field in fields(CellSums):
        together = getattr(parts[0] + parts[1], field.name)
        np.testing.assert_allclose(together, getattr(whole, field.name), atol=1e-9)
    for number in range(2):
        mine = (cells.folds == 2) & (cells.values[number] == 1)
        np.testing.assert_allclose(whole.cross[number, 2, 1], scores[mine].T @ scores[mine], atol=1e-9)
        mine &= cells.classes == 3
        assert whole.counts[number, 2, 1, 3] == mine.sum()
        np.testing.assert_allclose(whole.sums[number, 2, 1, 3], scores[mine].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(whole.value_sums[:2], whole.sums.sum(axis=3), atol=1e-9)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_shuffles_keep_the_table_and_move_values(seed):
    _, cells = drawn(seed)
    table = np.bincount(cells.classes * 3 + cells.values[0], minlength=12)
    for shuffled in cells.values[1:]:
        np.testing.assert_array_equal(np.bincount(cells.classes * 3 + shuffled, minlength=12), table)
        assert (shuffled != cells.values[0]).any()
    assert len({tuple(own) for own in cells.values}) == 1 + SHUFFLES


def test_a_shuffled_value_follows_from_the_image_not_from_its_row():
    rng = np.random.default_rng(3)
    values, classes, ids = rng.integers(0, 3, 60), rng.integers(0, 2, 60), rng.integers(0, 2**63, 60).astype(np.uint64)
    order = rng.permutation(60)
    one, other = shuffled_within(values, classes, ids, 1), shuffled_within(values[order], classes[order], ids[order], 1)
    # Images of one class exchange values, so those that have a given value change with the rows of the givers only.
    counts = [
        np.bincount(given * 3 + part[0], minlength=6) for part, given in ((one, classes), (other, classes[order]))
    ]
    np.testing.assert_array_equal(*counts)


def test_images_of_a_unit_stay_together():
    units = np.repeat(np.random.default_rng(5).integers(0, 2**63, 40).astype(np.uint64), 3)
    cells = Cells.of(np.zeros(120, np.int64), np.zeros(120, np.int64), units, np.arange(120, dtype=np.uint64), 1)
    for place in (cells.folds, cells.groups):
        assert (place.reshape(40, 3) == place[::3, None]).all()
        assert len(np.unique(place)) > 4


@pytest.mark.parametrize(("classes", "rank"), [(10, 64), (100, 256), (1000, 64), (10, 512), (20_000, 64)])
def test_the_sums_of_most_values_fit_the_budget(classes, rank):
    values = most_values(classes, rank)
    assert values <= MOST_VALUES
    cross_and_sums = 8 * 2 * 5 * values * rank * (classes + rank)
    assert cross_and_sums <= BUDGET
    assert values >= 2 or classes * rank > 1_000_000


def test_many_values_of_many_classes_are_counted_right():
    """Values are kept in a byte each, and places of cells are larger."""
    rng = np.random.default_rng(6)
    values, classes = rng.integers(0, 32, 20_000), rng.integers(0, 40, 20_000)
    ids = rng.integers(0, 2**63, 20_000).astype(np.uint64)
    sums = CellSums.of(rng.standard_normal((20_000, 1)), Cells.of(values, classes, ids, ids, 1), 32, 40)
    table = np.zeros((32, 40), np.int64)
    np.add.at(table, (values, classes), 1)
    for labelling in sums.counts:
        np.testing.assert_array_equal(labelling.sum(axis=0), table)
