import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics import neighbours
from tasks.statistics.neighbours import NO_ROW, nearest, scales_of
from tests.naive import all_distances
from tests.strategies import seeds


@st.composite
def compared(draw):
    """Rows with gaps, scores with copies among them, in blocks that may be empty, and a number of neighbors."""
    random = np.random.default_rng(draw(seeds))
    n, k = draw(st.integers(1, 50)), draw(st.integers(1, 6))
    rows = np.flatnonzero(random.random(3 * n) < 0.5)[:n]
    scores = random.standard_normal((len(rows), k)).astype(np.float32)
    if draw(st.booleans()) and len(rows):
        scores = scores[random.integers(0, len(rows), len(rows))]
    cuts = np.sort(random.integers(0, len(rows) + 1, draw(st.integers(0, 4))))
    blocks = list(zip(np.split(rows, cuts), np.split(scores, cuts), strict=True))
    return rows, scores, blocks, draw(st.integers(1, 25))


@given(compared(), st.integers(1, 9), st.integers(1, 30), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_neighbours_are_those_of_all_distances(case, queries, columns, measured):
    rows, scores, blocks, count = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "QUERIES", queries)
        patch.setattr(neighbours, "COLUMNS", columns)
        patch.setattr(neighbours, "MEASURED", measured)
        found = nearest((rows[::2], scores[::2]), blocks, count)
    expected = all_distances(scores)
    np.fill_diagonal(expected, np.inf)
    most = min(count, max(len(rows) - 1, 0))
    assert found.rows.shape == found.distances.shape == (len(rows[::2]), count)
    for query, (near, distances) in enumerate(zip(found.rows, found.distances, strict=True)):
        assert (near[most:] == NO_ROW).all()
        assert np.isinf(distances[most:]).all()
        # Among copies, rounding decides which are neighbors, but not how far they are.
        np.testing.assert_allclose(distances[:most], np.sort(expected[2 * query])[:most], rtol=1e-6, atol=1e-2)
        places = np.searchsorted(rows, near[:most])
        assert len(set(near[:most].tolist())) == most
        np.testing.assert_allclose(distances[:most], expected[2 * query, places], rtol=1e-6, atol=1e-7)
        assert (np.diff(distances[:most]) >= 0).all()


@given(compared(), st.integers(1, 9), st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_later_neighbours_are_those_of_all_distances_to_larger_rows(case, queries, columns):
    rows, scores, blocks, count = case
    asked = -scores[::2]  # other scores than those of the rows, as mirror images have
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "QUERIES", queries)
        patch.setattr(neighbours, "COLUMNS", columns)
        found = nearest((rows[::2], asked), blocks, count, later=True)
    distances = all_distances(scores, asked)
    for query, near in enumerate(found.rows):
        expected = np.sort(distances[query, 2 * query + 1 :])[:count]
        assert (near[len(expected) :] == NO_ROW).all()
        assert (near[: len(expected)] > rows[2 * query]).all()
        np.testing.assert_allclose(found.distances[query, : len(expected)], expected, rtol=1e-6, atol=1e-2)
        exact = distances[query, np.searchsorted(rows, near[: len(expected)])]
        np.testing.assert_allclose(found.distances[query, : len(expected)], exact, rtol=1e-6, atol=1e-7)


def test_many_images_in_tiles_of_the_real_size():
    random = np.random.default_rng(0)
    scores = random.standard_normal((5000, 12)).astype(np.float32)
    rows = np.arange(5000)
    found = nearest((rows[:600], scores[:600]), [(rows[i : i + 2300], scores[i : i + 2300]) for i in (0, 2300, 4600)])
    expected = all_distances(scores, scores[:600])
    expected[rows[:600], rows[:600]] = np.inf
    assert np.array_equal(found.rows, np.argsort(expected, axis=1)[:, :20])


def test_neighbours_do_not_depend_on_the_other_queries():
    scores = np.random.default_rng(1).standard_normal((900, 8)).astype(np.float32)
    rows = np.arange(900)
    blocks = [(rows[:500], scores[:500]), (rows[500:], scores[500:])]
    whole = nearest((rows, scores), blocks)
    for part in (slice(0, 256), slice(256, 512), slice(512, 900)):
        some = nearest((rows[part], scores[part]), blocks)
        assert np.array_equal(some.rows, whole.rows[part])
        assert np.array_equal(some.distances, whole.distances[part])


def test_scores_that_do_not_vary_are_left_out():
    assert scales_of(np.array([4.0, 0.5, 1e-6, 0.0])).tolist() == [0.25, 2, 0, 0]
    assert scales_of(np.zeros(2)).tolist() == [0, 0]
