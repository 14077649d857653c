"""What a person may write into the column action, and what is refused."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InputError
from storage.tables.spreadsheet import write_rows
from tasks.issues.actions import changes, read_actions

LABELS = {"a/1": "a", "b/1": "b", "none": None}


def written(folder, rows, columns=("key", "kind", "action")):
    """A list with these rows."""
    path = folder / "list.csv"
    with path.open("wb") as file:
        write_rows(file, columns, rows)
    return path


def found(folder, *rows):
    """Changes by key: whether the image stays, and its new label."""
    read = changes(read_actions(written(folder, rows)), ["a", "b", "c: d"], LABELS)
    return {key: change[:2] for key, change in read.items()}


def test_each_action(tmp_path):
    assert found(tmp_path, ["a/1", "leak", "drop"], ["b/1", "wrong label", ""]) == {"a/1": (False, None)}
    assert found(tmp_path, ["a/1", "leak", " Keep "], ["b/1", "wrong label", "keep"]) == {
        "a/1": (True, None),
        "b/1": (True, "b"),
    }
    assert found(tmp_path, ["a/1", "conflict", "relabel:c: d"], ["none", "leak", "RELABEL: a"]) == {
        "a/1": (True, "c: d"),
        "none": (True, "a"),
    }


def test_two_rows_about_one_image_that_agree(tmp_path):
    assert found(tmp_path, ["a/1", "leak", "drop"], ["a/1", "wrong label", "drop"]) == {"a/1": (False, None)}
    # Both copies may stay, and one has another label.
    assert found(tmp_path, ["a/1", "leak", "keep"], ["a/1", "wrong label", "relabel:b"]) == {"a/1": (True, "b")}
    assert found(tmp_path, ["a/1", "wrong label", "relabel:b"], ["a/1", "leak", "keep"]) == {"a/1": (True, "b")}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [["a/1", "leak", ""], ["a/1", "leak", "delete"]],
            "Row 3 of .* has the action 'delete'; write keep, d",
        ),
        ([["a/1", "leak", "relabel:"]], "Row 2 of .* has the action 'relabel:'"),
        ([["a/1", "leak", "relabel"]], "Row 2 of .* has the action 'relabel'"),
        ([["a/1", "leak", "drop: it"]], "Row 2 of .* has the action 'drop: it'"),
        ([["a/1", "leak", "relabel:z"]], "Row 2 of .* relabels with 'z'; the classes are a, b, c: d"),
        ([["a/2", "leak", "drop"]], "Row 2 of .* names 'a/2', which the dataset does not have"),
        ([["a/1", "leak", "drop"], ["a/1", "leak", "keep"]], "Row 3 of .* contradicts row 2 of .* about a/1; decide"),
        ([["a/1", "leak", "drop"], ["a/1", "conflict", "relabel:b"]], "Row 3 of .* contradicts row 2"),
        ([["a/1", "conflict", "relabel:b"], ["a/1", "wrong label", "relabel:c: d"]], "Row 3 of .* contradicts row 2"),
        ([["a/1", "wrong label", "keep"], ["a/1", "conflict", "relabel:b"]], "Row 3 of .* contradicts row 2"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_row(tmp_path, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        found(tmp_path, *rows)


def test_files_that_are_no_list_are_refused(tmp_path):
    with pytest.raises(InputError, match="has no column action; it needs the columns key, action"):
        read_actions(written(tmp_path, [["a/1"]], ["key"]))
    with pytest.raises(InputError, match=r"none\.csv cannot be read: No such file"):
        read_actions(tmp_path / "none.csv")


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(keys=st.lists(texts, unique=True, max_size=5), by_hand=st.booleans())
def test_keys_with_commas_quotes_newlines_and_formulas_come_back(tmp_path_factory, keys, by_hand):
    path = tmp_path_factory.mktemp("keys") / "list.csv"
    content = io.BytesIO()
    write_rows(content, ["key", "action"], [[key, "drop"] for key in keys])
    path.write_bytes(content.getvalue())
    if by_hand:  # as a spreadsheet writes the same cells: without quotes where none are needed
        rows = list(csv.reader(io.StringIO(content.getvalue().decode("utf-8-sig"), newline="")))
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert [row.key for row in read_actions(path)] == keys
    labels = dict.fromkeys(keys, "a")
    assert changes(read_actions(path), ["a"], labels).keys() == labels.keys()
