"""The test for grouped images: its value against a slow oracle, and its level and power by simulation."""

import numpy as np
import pytest
from scipy import stats

from tasks.statistics.clusters import cluster_test
from tasks.statistics.groups import GroupSums

PATTERNS = 200


def sums_of(scores, labels, groups):
    shape = (int(groups.max()) + 1, int(labels.max()) + 1)
    return GroupSums.of(scores, labels, groups, shape)


def scenes(random, count, frames, classes, *, likeness=0.5, mixed=False, effect=0.0):
    groups = np.repeat(np.arange(count), frames)
    labels = (
        random.integers(0, classes, len(groups)) if mixed else random.permutation(np.arange(count) % classes)[groups]
    )
    own = random.standard_normal((count, PATTERNS))[groups]
    scores = np.sqrt(likeness) * own + np.sqrt(1 - likeness) * random.standard_normal((len(groups), PATTERNS))
    return scores + effect * labels[:, None], labels, groups


def test_images_of_their_own_give_the_test_of_brown_and_forsythe():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), (10, 20, 40))
    scores = random.standard_normal((70, 2)) * (1 + labels)[:, None]
    found = cluster_test(sums_of(scores, labels, np.arange(70)))
    for pattern, column in enumerate(scores.T):
        parts = [column[labels == c] for c in range(3)]
        spread = [(1 - len(part) / 70) * part.var(ddof=1) for part in parts]
        between = sum(len(part) * (part.mean() - column.mean()) ** 2 for part in parts)
        freedom = sum(spread) ** 2 / sum(one**2 / (len(part) - 1) for one, part in zip(spread, parts, strict=True))
        assert found.statistic[pattern] == pytest.approx(between / sum(spread), rel=1e-9)
        # Mehrotra (1997) corrects the degrees of freedom of the numerator.
        weights, variances = [len(part) / 70 for part in parts], [part.var(ddof=1) for part in parts]
        squares = sum(one**2 * (1 - 2 * weight) for one, weight in zip(variances, weights, strict=True))
        pooled = sum(one * weight for one, weight in zip(variances, weights, strict=True)) ** 2
        numerator = sum(spread) ** 2 / (squares + pooled)
        expected = stats.f.sf(between / sum(spread), numerator, freedom)
        assert found.p_value[pattern] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("count", "frames", "classes", "mixed"),
    [(50, 40, 2, False), (200, 5, 10, False), (50, 20, 4, True), (6, 200, 3, True)],
)
def test_it_holds_its_level_where_images_of_a_group_are_alike(count, frames, classes, mixed):
    random = np.random.default_rng(count)
    p_values = [cluster_test(sums_of(*scenes(random, count, frames, classes, mixed=mixed))).p_value for _ in range(3)]
    assert (np.concatenate(p_values) < 0.05).mean() < 0.08


def test_it_finds_what_is_there():
    random = np.random.default_rng(1)
    found = cluster_test(sums_of(*scenes(random, 60, 20, 2, effect=1.0)))
    assert (found.p_value < 0.05).mean() > 0.9
    assert found.inflation.mean() == pytest.approx(1 + 19 * 0.5, rel=0.2)


def test_a_class_in_one_group_only_has_no_test():
    found = cluster_test(
        sums_of(
            np.random.default_rng(0).standard_normal((6, 2)), np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
        )
    )
    assert np.isnan(found.p_value).all()
