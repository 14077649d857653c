import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InputError
from storage.runs.workspace import Workspace
from storage.stores.open import open_path
from tasks.issues.decisions import Decision, Decisions, Issue, decisions_file

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
decisions = st.dictionaries(st.builds(Issue, texts, texts, texts, texts), st.builds(Decision, texts, texts), max_size=6)


@given(decisions)
def test_what_is_written_is_read_again_in_one_order(tmp_path_factory, found):
    path = open_path(tmp_path_factory.mktemp("decisions")) / "decisions.jsonl"
    Decisions(found).write(path)
    assert Decisions.read(path).by_issue == found
    again = Decisions(dict(reversed(found.items())))
    first = path.read_bytes()
    again.write(path)
    assert path.read_bytes() == first
    assert len(first.splitlines()) == len(found)


def test_later_decisions_replace_earlier_ones():
    one, two = Issue("1", "leak", "cat", "2"), Issue("2", "leak", "cat", "1")
    before = Decisions({one: Decision("keep", "a"), two: Decision("keep", "b")})
    after = before.but({one: Decision("drop", "a")})
    assert after.by_issue == {one: Decision("drop", "a"), two: Decision("keep", "b")}
    assert one in after
    assert Issue("1", "leak", "dog", "2") not in after
    assert len(before) == 2


def test_a_missing_file_decides_nothing(tmp_path):
    assert len(Decisions.read(open_path(tmp_path) / "none")) == 0


LINE = {"digest": "1", "kind": "leak", "label": "a", "other": "2", "action": "keep", "key": "x"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("nonsense", r"Line 1 of .*file is not a decision; each line is a JSON object with the texts digest, kind,"),
        ("\n[1]", "Line 2 of"),
        (json.dumps(LINE | {"digest": 1}), "Line 1 of"),
        (json.dumps(LINE) + "\n" + json.dumps(LINE | {"action": "drop"}), "Line 2 of .* decides 'drop' about x, but "),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_other_files_are_refused(tmp_path, content, sentence):
    (tmp_path / "file").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=sentence):
        Decisions.read(open_path(tmp_path) / "file")


def test_the_file_is_the_workspaces_or_the_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = Workspace(tmp_path / "w")
    assert str(decisions_file(None, space)) == f"{tmp_path}/w/decisions.jsonl"
    assert str(decisions_file("d.jsonl", space)) == f"{tmp_path}/d.jsonl"
    assert str(decisions_file("deep/d.jsonl", space)) == f"{tmp_path}/deep/d.jsonl"
    assert str(decisions_file("/d.jsonl", space)).lstrip("/") == "d.jsonl"
