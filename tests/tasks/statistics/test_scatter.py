"""Moments of classes in parts of the images, against a loop over images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dtypes import NUMBER
from tasks.statistics.scatter import HELD_OUT, HELD_OUT_SHARE, LABELLINGS, PARTS, ClassScatter, parts, patterns_kept
from tasks.statistics.sums import BUDGET
from tests.strategies import labelled_scores, seeds


@given(labelled_scores(), seeds, st.integers(1, 5), st.integers(0, 2))
def test_moments_are_those_of_a_loop_over_images(drawn, seed, most, unused):
    scores, labels, classes = drawn[0].astype(np.float64), drawn[1], drawn[2] + unused
    random = np.random.default_rng(seed)
    part, labellings = random.integers(0, PARTS, len(labels)), np.stack([labels, random.permutation(labels)])
    found = ClassScatter.of(scores, part, labellings, classes, most)
    rank, kept = scores.shape[1], min(most, scores.shape[1])
    counts = np.zeros((2, PARTS, classes), int)
    sums, cross = np.zeros((2, PARTS, classes, rank)), np.zeros((PARTS, rank, rank))
    class_cross = np.zeros((2, PARTS, classes, kept, kept))
    for image, one in zip(scores, zip(part, *labellings, strict=True), strict=True):
        cross[one[0]] += np.outer(image, image)
        for number, label in enumerate(one[1:]):
            counts[number, one[0], label] += 1
            sums[number, one[0], label] += image
            class_cross[number, one[0], label] += np.outer(image[:kept], image[:kept])
    np.testing.assert_array_equal(found.counts, counts)
    for ours, naive in ((found.sums, sums), (found.cross, cross), (found.class_cross, class_cross)):
        np.testing.assert_allclose(ours, naive, rtol=1e-10, atol=1e-9)
    taken = found.take(1, [0, HELD_OUT])
    np.testing.assert_array_equal(taken.counts, counts[1, 0] + counts[1, 2])
    np.testing.assert_allclose(taken.sums, sums[1, 0] + sums[1, 2], rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(taken.cross, cross[0] + cross[2], rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(taken.class_cross, class_cross[1, 0] + class_cross[1, 2], rtol=1e-10, atol=1e-9)


@given(seeds)
def test_images_of_a_unit_are_in_one_part_and_parts_have_their_shares(seed):
    units = np.repeat(np.arange(5000, dtype=np.uint64) * 7919, 2)
    learned = np.arange(len(units)) % 10 < 8  # an even number, so that units are not divided
    found = parts(units, learned, seed, other_split=False)
    assert (found[::2] == found[1::2]).all()
    # Five standard deviations of 5,000 units.
    assert np.mean(found == HELD_OUT) == pytest.approx(HELD_OUT_SHARE, abs=0.03)
    assert np.mean(found[found != HELD_OUT]) == pytest.approx(0.5, abs=0.04)
    found = parts(units, learned, seed, other_split=True)
    np.testing.assert_array_equal(found == HELD_OUT, ~learned)
    assert np.mean(found[learned]) == pytest.approx(0.5, abs=0.04)


@given(st.integers(2, 10**7), st.integers(1, 300))
def test_second_moments_cover_as_many_patterns_as_the_budget_holds(classes, rank):
    kept, size = patterns_kept(classes, rank), NUMBER * LABELLINGS * PARTS * classes
    assert 1 <= kept <= rank
    assert kept == 1 or kept**2 * size <= BUDGET
    assert kept == rank or (kept + 1) ** 2 * size > BUDGET
