import numpy as np
import pytest

from tasks.statistics.groups import FEWEST_GROUPS, GROUPS, GroupSums, group_of, groups_kept
from tasks.statistics.relabelling import sample_ids


def test_groups_fit_the_budget_or_are_left_out():
    assert groups_kept(10, 64) == GROUPS
    assert FEWEST_GROUPS <= groups_kept(1000, 64) < GROUPS
    assert groups_kept(21_000, 64) == 0
    nothing = GroupSums.of(np.ones((3, 2)), np.arange(3), np.zeros(3, int), (0, 21_000))
    assert (nothing + nothing).sums.shape == (0, 21_000, 2)


def test_groups_are_even():
    ids = sample_ids([str(row) for row in range(20_000)])
    counts = np.bincount(group_of(ids, 3, GROUPS), minlength=GROUPS)
    assert counts.mean() == pytest.approx(20_000 / GROUPS)
    assert counts.std() < 1.3 * np.sqrt(20_000 / GROUPS)
