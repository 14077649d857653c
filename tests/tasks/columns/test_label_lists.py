import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.columns import label_lists
from tasks.columns.label_lists import LabelLists


def labels_of(lists):
    """The names of the labels of each row; None for a row without a list."""
    sets = lists.sets.toarray().astype(bool)
    return [
        None if code < 0 else {name for name, has in zip(lists.names, sets[code], strict=True) if has}
        for code in lists.codes
    ]


@given(st.lists(st.none() | st.lists(st.none() | st.sampled_from(["a", "b", "c d", ""])), min_size=1, max_size=30))
def test_labels_come_back(rows):
    found = LabelLists.of(pa.array(rows, pa.list_(pa.string())))
    assert labels_of(found) == [None if row is None else {one for one in row if one is not None} for row in rows]
    assert found.every == len({one for row in rows if row for one in row if one is not None})
    assert len(np.unique(found.codes[found.codes >= 0])) == len(
        {frozenset(one) for one in labels_of(found) if one is not None}
    )


@pytest.mark.parametrize("kind", [pa.list_(pa.uint8()), pa.large_list(pa.bool_()), pa.list_(pa.int64(), 3)])
def test_zeros_and_ones_of_one_length_say_yes_and_no(kind):
    rows = pa.array([[0, 1, 1], None, [0, 0, 0], [1, 0, 1]], pa.list_(pa.uint8())).cast(kind)
    assert labels_of(LabelLists.of(rows)) == [{"1", "2"}, None, set(), {"0", "2"}]


@pytest.mark.parametrize("rows", [[[0, 1], [1, 0]], [[0, 1, 1], [1]], [[0, 1, 2], [0, 0, 0]], [[1], [0]]])
def test_other_numbers_are_names_of_labels(rows):
    assert labels_of(LabelLists.of(pa.array(rows))) == [{str(one) for one in row} for row in rows]


def test_of_very_many_labels_the_most_frequent_are_kept(monkeypatch):
    monkeypatch.setattr(label_lists, "MOST_LABELS", 2)
    found = LabelLists.of(pa.array([["rare", "a"], ["a", "b"], ["b"], ["a"]]))
    assert (found.names, found.every) == (["a", "b"], 3)
    assert labels_of(found) == [{"a"}, {"a", "b"}, {"b"}, {"a"}]
