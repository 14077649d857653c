import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadImageError, EigenwaveError, UnexpectedError, origin
from storage.printable import HIDDEN, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red] caf\u00e9 \U0001f408 :cat:", "plain [red] caf\u00e9 \U0001f408 :cat:"),
        ("a\x1b[31mRED\x07", r"a\x1b[31mRED\x07"),
        ("b\x9b31m\x7f", r"b\x9b31m\x7f"),
        ("c\u202edcba\u2066\u200b\u200d\ufeff\u00ad", r"c\u202edcba\u2066\u200b\u200d\ufeff\xad"),
        ("two\nlines\r\ttab\u2028", r"two\nlines\r\ttab\u2028"),
        ("not UTF-8: \udcff", r"not UTF-8: \udcff"),
        ("tag \U000e0041", r"tag \U000e0041"),
    ],
)
def test_what_steers_or_hides_is_escaped_and_nothing_else(text, shown):
    assert printable(text) == shown


@given(st.text())
def test_nothing_hidden_is_left(text):
    shown = printable(text)
    assert not {unicodedata.category(letter) for letter in shown} & HIDDEN
    assert printable(shown) == shown
    assert printable(text, keep="\n").replace("\n", r"\n") == shown


def test_a_sentence_holds_no_control_characters_but_keeps_what_it_was_made_of():
    error = EigenwaveError("class a\x1b[2J\u202e\nsecond line")
    assert str(error) == "class a\\x1b[2J\\u202e\nsecond line"
    assert error.args == ("class a\x1b[2J\u202e\nsecond line",)
    assert BadImageError("damaged", "a\x1b").detail == "a\x1b"


def test_an_error_that_nobody_expected_says_where_it_came_from():
    with pytest.raises(AttributeError) as caught:
        printable(3)
    place = f"storage/printable.py:printable:{caught.traceback[-1].lineno + 1}"
    assert origin(caught.value) == place
    error = UnexpectedError.of(caught.value, "Shard 3 failed with")
    assert str(error) == f"Shard 3 failed with AttributeError: {caught.value} (at {place})"
    assert "Traceback" in error.full_text
    assert "Traceback" not in str(error)
