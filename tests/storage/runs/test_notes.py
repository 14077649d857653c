"""What a workspace keeps about a run beside it."""

import pytest

from storage.errors import InputError
from storage.runs.notes import AuditRecord, audit_of_run, keep_audit, keep_tags, tags_of
from storage.runs.workspace import Workspace
from storage.stores.files import write_file


def test_what_an_audit_found_is_read_as_it_was_kept(address):
    workspace = Workspace(address)
    workspace.prepare()
    assert audit_of_run(workspace, "r") is None
    record = AuditRecord("before", {"new_issues": 3.0, "conflicts": None}, {"new_issues>2": False, "conflicts>0": None})
    keep_audit(workspace, "r", record)
    assert audit_of_run(workspace, "r") == record
    assert record.failed == ["new_issues>2"]


def test_tags_are_added_once_and_sorted_and_go_with_the_last(address):
    workspace = Workspace(address)
    workspace.prepare()
    assert tags_of(workspace, "r") == []
    keep_tags(workspace, "r", ["b", "a", "b"])
    assert tags_of(workspace, "r") == ["a", "b"]
    keep_tags(workspace, "r", [])
    assert tags_of(workspace, "r") == []
    assert not workspace.tags("r").exists()


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "../a", "-a", "é", "a" * 101])
def test_a_tag_that_no_rule_could_name_is_refused(tmp_path, tag):
    with pytest.raises(InputError, match="is not allowed: begin with a letter or a digit"):
        keep_tags(Workspace(tmp_path), "r", [tag])


@pytest.mark.parametrize("content", [b"", b"{}", b'{"tags": ["a"]}', b"[" * 100_000])
def test_a_damaged_file_is_named(tmp_path, content):
    workspace = Workspace(tmp_path)
    for path, read in ((workspace.tags("r"), tags_of), (workspace.audit("r"), audit_of_run)):
        write_file(path, content)
        with pytest.raises(InputError, match=r"r\.json cannot be read: .* Remove the file"):
            read(workspace, "r")
