import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.near_duplicates import (
    BY_CHANCE,
    LARGEST_RATIO,
    Pairs,
    Rule,
    copied,
    distinct,
    groups_of,
    mirrored_pairs,
    near_pairs,
    yardsticks_of,
)
from tasks.statistics.neighbours import nearest
from tests.naive import all_distances, near_duplicates
from tests.strategies import seeds


def searched(scores):
    rows = np.arange(len(scores))
    return nearest((rows, scores), [(rows, scores)])


@given(seeds, st.integers(22, 70), st.integers(0, 8), st.sampled_from([0.2, 0.6, 0.9]))
@settings(max_examples=40, deadline=None)
def test_pairs_are_those_of_all_distances(seed, n, copies, ratio):
    random = np.random.default_rng(seed)
    scores = random.standard_normal((n, 5)).astype(np.float32)
    scores[:copies] = scores[n - copies :] + np.float32(0.02) * random.standard_normal((copies, 5)).astype(np.float32)
    found = searched(scores)
    rule = Rule(ratio, 0.25 * float(np.median(yardsticks_of(found.distances))))
    pairs = near_pairs(np.arange(n), found, rule)
    expected = near_duplicates(scores, *rule)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(pairs.relative, [expected[pair] for pair in sorted(expected)], rtol=1e-6)


@pytest.mark.parametrize("dimension", [2, 5, 10, 40])
def test_few_images_have_a_neighbour_so_near_by_chance(dimension):
    """Of images drawn at random from a ball, by the law that the rule uses, and in a torus without a border."""
    random = np.random.default_rng(dimension)
    rule = Rule.of(np.ones(3), dimension)
    assert rule.ratio == LARGEST_RATIO if dimension == 40 else rule.ratio < LARGEST_RATIO
    radii = np.sort(random.random((400_000, 13)), axis=1) ** (1 / dimension)
    near = (radii[:, 0] / radii[:, 12] < rule.ratio).mean()
    assert near == pytest.approx(BY_CHANCE, rel=0.5) if dimension < 40 else near < BY_CHANCE


def test_a_group_of_many_near_copies_is_found():
    """The yardstick of an image with thirty near-copies would be their distance."""
    random = np.random.default_rng(0)
    scores = random.standard_normal((300, 30)).astype(np.float32)
    scores[:30] = scores[0] + np.float32(0.01) * random.standard_normal((30, 30)).astype(np.float32)
    found = searched(scores)
    pairs = near_pairs(np.arange(300), found, Rule.of(yardsticks_of(found.distances), 25.0))
    assert set(groups_of(300, pairs.first, pairs.second)[:30].tolist()) == {0}
    assert pairs.second.max() < 30


def test_images_at_no_distance_are_near_duplicates_whatever_the_yardstick():
    scores = np.repeat(np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32), 30, axis=0)
    pairs = near_pairs(np.arange(60), searched(scores), Rule.of(np.zeros(60), np.nan))
    assert (pairs.relative == 0).all()
    assert len(pairs.first) >= 2 * 29


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=30))
@settings(max_examples=80, deadline=None)
def test_groups_are_what_pairs_connect(images, pairs):
    pairs = [(a % images, b % images) for a, b in pairs if a % images != b % images]
    group = list(range(images))
    for _ in range(images):
        for a, b in pairs:
            group[a] = group[b] = min(group[a], group[b])
    paired = {row for pair in pairs for row in pair}
    numbers = {first: number for number, first in enumerate(sorted({group[row] for row in paired}))}
    found = groups_of(images, *np.array(pairs, int).reshape(-1, 2).T)
    assert found.tolist() == [numbers[group[row]] if row in paired else -1 for row in range(images)]


def test_each_pair_is_kept_once_with_its_smaller_relative_distance():
    plain = np.zeros(3, np.bool_)
    pairs = Pairs(np.array([3, 1, 1]), np.array([4, 2, 2]), np.array([1.0, 2, 2]), np.array([0.5, 0.4, 0.3]), plain)
    assert [column.tolist() for column in distinct(pairs)] == [[1, 3], [2, 4], [2, 1], [0.3, 0.5], [False] * 2]


def test_a_pair_that_is_near_either_way_counts_as_it_is():
    mirrored = np.array([True, False, True])
    pairs = Pairs(np.array([1, 1, 3]), np.array([2, 2, 4]), np.ones(3), np.array([0.1, 0.4, 0.2]), mirrored)
    assert [column.tolist() for column in distinct(pairs)] == [[1, 3], [2, 4], [1, 1], [0.4, 0.2], [False, True]]


@pytest.mark.parametrize("ratio", [0.3, 0.6])
def test_mirrored_pairs_are_those_of_all_distances(ratio):
    random = np.random.default_rng(3)
    scores = random.standard_normal((60, 5)).astype(np.float32)
    scores[40:] = -scores[:20] + np.float32(0.2) * random.standard_normal((20, 5)).astype(np.float32)
    rows = np.arange(60)
    found = nearest((rows, -scores), [(rows, scores)], 4, later=True)  # as if scores changed their sign
    yardsticks = yardsticks_of(searched(scores).distances)
    rule = Rule(ratio, 0.25 * float(np.median(yardsticks)))
    pairs = mirrored_pairs(rows, found, yardsticks, rule)
    distances = all_distances(scores, -scores)
    expected = {
        (i, j): distances[i, j] / max(yardsticks[i], yardsticks[j], rule.least)
        for i in range(60)
        for j in range(i + 1, 60)
        if distances[i, j] / max(yardsticks[i], yardsticks[j], rule.least) < min(ratio, 0.5)
    }
    assert 10 < len(expected) < 200
    relative = dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.relative, strict=True))
    assert relative == pytest.approx(expected)
    assert pairs.mirrored.all()


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_copies_of_chosen_images_are_exact_or_near(data):
    n = data.draw(st.integers(1, 20))
    ids = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
    ids = np.array([np.flatnonzero(ids == each)[0] for each in ids])  # the first of each stands for all
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    stand = np.unique(ids)
    pairs = [pair for pair in data.draw(st.lists(st.tuples(*[st.sampled_from(stand)] * 2))) if pair[0] != pair[1]]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    near = {(a, b) for a, b in pairs} | {(b, a) for a, b in pairs}
    expected = [
        any(chosen[j] and j != i and (ids[i] == ids[j] or (ids[i], ids[j]) in near) for j in range(n)) for i in range(n)
    ]
    assert copied(ids, first, second, chosen).tolist() == expected
