from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.duplicates import find_duplicates


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=40))
@settings(max_examples=50, deadline=None)
def test_groups_are_those_of_a_dictionary(rows):
    found = find_duplicates(
        b"".join(value.to_bytes(16, "little") for value, _ in rows), np.array([label for _, label in rows], np.int32)
    )
    groups = defaultdict(list)
    for row, (value, _) in enumerate(rows):
        groups[value].append(row)
    groups.pop(0, None)  # could not be read
    expected = sorted(tuple(group) for group in groups.values() if len(group) > 1)
    assert list(found.groups) == expected
    assert found.images == sum(len(group) - 1 for group in expected)
    assert found.conflicting == sum(len({rows[row][1] for row in group}) > 1 for group in expected)
