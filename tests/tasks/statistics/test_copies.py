from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.copies import NONE, find_copies, judge_copies

images = st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 3), st.booleans()), max_size=40)


def found_in(images):
    """Digests, labels and preferences of images, and the groups that a plain search finds."""
    digests = np.zeros((len(images), 16), np.uint8)
    digests[:, 3] = [digest for digest, _, _ in images]
    labels = np.array([label for _, label, _ in images], np.int64)
    preferred = np.array([first for _, _, first in images], np.bool_)
    groups = {}
    for place, (digest, _, first) in enumerate(images):
        if digest:
            groups.setdefault(digest, []).append((not first, place))
    expected = [[place for _, place in sorted(group)] for group in groups.values() if len(group) > 1]
    return digests, labels, preferred, sorted(expected)


@given(images)
def test_groups_are_those_of_equal_digests_in_the_order_of_preference(images):
    digests, _, preferred, expected = found_in(images)
    copies = find_copies(digests, preferred)
    groups = [copies.positions[copies.groups == number].tolist() for number in range(len(expected))]
    assert sorted(groups) == expected
    assert copies.firsts.tolist() == [group[0] for group in groups for _ in group]


@given(images)
def test_labels_of_copies_are_judged_as_a_person_would_count_them(images):
    digests, labels, preferred, _ = found_in(images)
    copies = find_copies(digests, preferred)
    mine = labels[copies.positions]
    judged = judge_copies(copies.groups, mine)
    for place, (group, label) in enumerate(zip(copies.groups.tolist(), mine.tolist(), strict=True)):
        others = mine[copies.groups == group].tolist()
        counts = Counter(other for other in others if other >= 0).most_common()
        alone = len(counts) == 1 or (len(counts) > 1 and counts[0][1] > counts[1][1])
        assert judged.conflicting[place] == (label >= 0 and len(counts) > 1)
        assert judged.majority[place] == (counts[0][0] if alone else NONE)
        assert judged.share[place] == (dict(counts)[label] / sum(dict(counts).values()) if label >= 0 else 0)
        different = [
            at for at in np.flatnonzero(copies.groups == group).tolist() if mine[at] >= 0 and mine[at] != label
        ]
        if label >= 0:
            assert judged.others[place] == (different[0] if different else NONE)
