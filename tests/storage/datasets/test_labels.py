import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.labels import class_ids, in_one_type
from storage.errors import InputError


def ids(values, kind=None, names=None):
    classes, found = class_ids(pa.chunked_array([pa.array(values, kind)]), names, lambda row: f"row {row}")
    return classes, found.to_pylist()


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1))
def test_names_are_classes_exactly_as_they_are_written(labels):
    classes, found = ids(labels, pa.string())
    for label, number in zip(labels, found, strict=True):
        assert number is None if label is None or not label.strip() else classes[number] == label


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None, " "], pa.large_string()),
        (["a", None, ""], pa.string_view()),
        (["a", None, ""], pa.dictionary(pa.int8(), pa.string())),
        ([7.0, None, float("nan")], pa.float64()),
        ([7, None, None], pa.uint8()),
    ],
)
def test_what_has_no_label_has_no_class(values, kind):
    classes, found = ids(values, kind)
    assert len(classes) == 1
    assert found == [0, None, None]


def test_labels_of_no_type_are_none():
    assert ids([None, None]) == ((), [None, None])


def test_minus_one_is_no_label_where_classes_have_names():
    assert ids([0, -1, 1], names=["cat", "dog"]) == (("cat", "dog"), [0, None, 1])
    assert ids([0, -1, 1]) == (("-1", "0", "1"), [1, 0, 2])
    with pytest.raises(
        InputError, match="The label 2 of row 1 is not possible: it is not a number of one of the 2 cla"
    ):
        ids([0, 2], names=["cat", "dog"])
    with pytest.raises(
        InputError, match="The label 'cow' of row 1 is not possible: it is not one of the 2 classes cat"
    ):
        ids(["cat", "cow"], names=["cat", "dog"])


def test_types_of_several_files_become_one():
    parts = [pa.array([1], pa.int32()), pa.array([2], pa.uint8()), pa.nulls(2), pa.array([], pa.string())]
    labels = in_one_type([pa.chunked_array([part]) for part in parts], list("abcd"))
    assert labels.to_pylist() == [1, 2, None, None]
    with pytest.raises(
        InputError, match="of type int64 in a and string in b; write all of them as numbers or all as na"
    ):
        in_one_type([pa.chunked_array([[1]]), pa.chunked_array([["1"]])], ["a", "b"])
