"""What a comparison counts of issues."""

import math
import shutil

import pytest

from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.tables.schemas import COMPARISONS
from tasks.compare.issues import issue_changes
from tasks.compare.runs import compare_runs, read_comparison, write_comparison
from tasks.issues.choose import Issues
from tests.runs import local


def test_suspects_are_counted_among_judged_images_and_issues_if_they_are_new(drifting):
    _, _, before, after = drifting
    found = issue_changes(before, after)
    rows = after.tables["issues"].to_pylist()
    judged = sum(row["label_suspicion"] is not None for row in after.tables["samples"].to_pylist())
    wrong = sum(row["kind"] == "wrong label" for row in rows)
    assert found["suspect_fraction"] == pytest.approx(wrong / judged)
    assert found["new_issues"] == Issues(after, before).new
    assert issue_changes(after, after)["new_issues"] == 0


def test_what_an_earlier_version_did_not_list_is_unknown(drifting, tmp_path):
    workspace, *_ = drifting
    copy = Workspace(shutil.copytree(local(workspace.folder), tmp_path / "copy"))
    before, after = (Run(copy.run(name)) for name in ("run-2", "run-3"))
    local(before.paths.table("issues")).unlink()
    found = issue_changes(before, after)
    assert math.isnan(found["new_issues"])
    assert found["suspect_fraction"] >= 0
    write_comparison(copy.folder / "compared", compare_runs(before, after), {})
    assert math.isnan(read_comparison(copy.folder / "compared", before, after).summary["new_issues"])
    assert all(map(math.isnan, issue_changes(after, before).values()))
    assert issue_changes(after, before).keys() <= set(COMPARISONS["compared_runs"].names)
