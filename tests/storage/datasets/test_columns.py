import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from storage.datasets.columns import LABEL_WORDS, given, label_column, require_once, usual
from storage.errors import InputError


@for_any(st.sampled_from(LABEL_WORDS), st.sampled_from(["_", "-", " ", ""]), st.booleans())
def test_usual_names_are_known_in_any_case_and_with_any_punctuation(word, between, upper):
    name = word[:2] + between + word[2:]
    assert usual(["other", name.upper() if upper else name], LABEL_WORDS) == [name.upper() if upper else name]


def test_the_users_column_is_found_in_its_own_case_first():
    assert given(["LABEL", "label"], "label", "x") == "label"
    assert given(["a", "My Label"], "my_label", "x") == "My Label"
    with pytest.raises(InputError, match=r"x has no column c; it has a, b\."):
        given(["a", "b"], "c", "x")


def test_the_label_column_is_guessed_only_where_one_can_be_meant():
    assert label_column(["width", "breed"], None, "x") == ("breed", None)
    name, why = label_column(["category", "label"], None, "x")
    assert name == "label"
    assert "also has category. Pass --label-column" in why.text
    name, why = label_column(["animal"], None, "x")
    assert name == "animal"
    assert "no other column" in why.text
    with pytest.raises(InputError, match=r"No label column found in x: .* a, b\. Pass --label-column, for example"):
        label_column(["a", "b"], None, "x")
    with pytest.raises(InputError, match=r"are none\. Pass --label-column\."):
        label_column([], None, "x")


def test_repeated_columns_are_refused_by_name():
    with pytest.raises(InputError, match="x has more than one column called 'b'"):
        require_once(["a", "b", "c", "b"], "x")
