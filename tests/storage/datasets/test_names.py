import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.names import alike, composed, joined, likeness, natural


def test_numbers_in_names_sort_as_numbers():
    names = ["10", "9", "1", "01", "class 10", "class 9", "cat", "b2", "b10"]
    assert sorted(names, key=natural) == ["01", "1", "9", "10", "b2", "b10", "cat", "class 9", "class 10"]


@given(st.lists(st.integers(0, 10**30)))
def test_whole_numbers_sort_by_value(numbers):
    assert sorted(map(str, numbers), key=natural) == [str(number) for number in sorted(numbers)]


@given(st.lists(st.text(max_size=6)))
def test_the_order_does_not_depend_on_how_names_were_given(names):
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


@given(st.text())
def test_composed_and_decomposed_names_are_one(name):
    assert composed(unicodedata.normalize("NFD", name)) == composed(name)
    assert likeness(unicodedata.normalize("NFD", name)) == likeness(name)


def test_names_that_are_alike_are_found_and_joined():
    names = ["joy", "ANGER", "anger", " Anger", "ice  cream", "Ice Cream", "icecream"]
    assert alike(names) == [["ANGER", "anger", " Anger"], ["ice  cream", "Ice Cream"]]
    chosen = joined(names, {"anger": 5, "ANGER": 2, " Anger": 4})
    assert [chosen[name] for name in names] == [
        "joy",
        "anger",
        "anger",
        "anger",
        "ice  cream",
        "ice  cream",
        "icecream",
    ]
