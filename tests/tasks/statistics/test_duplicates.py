from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.duplicates import find_duplicates, representatives


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


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=30))
@settings(max_examples=80, deadline=None)
def test_one_image_stands_for_all_with_its_bytes(rows):
    digests = np.frombuffer(b"".join(value.to_bytes(16, "little") for value, _, _ in rows), np.uint8).reshape(-1, 16)
    valid, preferred = np.array([row[1:] for row in rows], bool).reshape(-1, 2).T
    expected = []
    for number, (value, valid_one, _) in enumerate(rows):
        same = [other for other, row in enumerate(rows) if row[0] == value and row[1]]
        expected.append(min(same, key=lambda other: (not rows[other][2], other)) if valid_one else number)
    assert representatives(digests, valid, preferred).tolist() == expected
