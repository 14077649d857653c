import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.errors import InputError
from storage.tables.spreadsheet import ENCODING, harmless, original, read_rows, write_rows

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def written(columns, rows):
    file = io.BytesIO()
    write_rows(file, columns, rows)
    return file.getvalue()


def read(content, required=(), where="list.csv"):
    return list(read_rows(io.TextIOWrapper(io.BytesIO(content), ENCODING, newline=""), required, where))


@given(texts)
@example("=1+1")
@example("'=1+1")
@example("-2")
@example("\t=1")
@example("")
def test_harmless_cells_are_no_formulas_and_can_be_undone(text):
    cell = harmless(text)
    assert original(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.lists(st.tuples(texts.filter(bool), texts), max_size=5))
@example([("a,b", 'say "no"'), ("two\nlines", "=cmd|' /C calc'!A0"), ("größe/日本.png", "\r\n"), ("a;b\tc", "'")])
def test_what_is_written_is_read_again(rows):
    content = written(["key", "class, name"], rows)
    assert content.startswith(b"\xef\xbb\xbf")
    assert [tuple(row.values()) for row in read(content)] == rows


def test_numbers_stay_numbers_and_nothing_stays_empty():
    content = written(["a", "b", "c"], [[-2, None, 0.25]])
    assert content.decode(ENCODING).splitlines() == ['"a","b","c"', '-2,"",0.25']


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_files_that_spreadsheets_of_other_countries_write_are_read(delimiter):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([["key", "action"], ["a,b;c", "drop"], ["", ""]])
    assert read(file.getvalue().encode()) == [{"key": "a,b;c", "action": "drop"}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no column key; it needs the columns key, action"),
        (b"key,deed\na,b\n", "has no column action"),
        (b"key,action\na,b,c\n", "has 3 cells in line 2, but 2 columns"),
        ("key,action\nä,b\n".encode("latin-1"), "is not UTF-8; save it as CSV UTF-8"),
        (b'key,action\n"a"b,c\n', "is not a CSV file"),
    ],
)
def test_files_that_are_no_such_list_are_refused(content, sentence):
    with pytest.raises(InputError, match=sentence):
        read(content, ("key", "action"))
