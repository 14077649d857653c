"""Drift since the run before, in a run's tables and report, also after that earlier run was removed."""

import json
import math
import re
import shutil

import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.files import digest_of, write_file
from storage.tables.parquet import to_table
from storage.tables.schemas import COMPARISONS
from tasks.compare.runs import compare_runs
from tests.runs import SMALL, analyse, local


def drift_of(run):
    """The text of the report's section."""
    section = re.search(r'<section id="drift">.*?</section>', run.paths.report.read().tobytes().decode(), re.DOTALL)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", section[0])) if section else None


def test_the_first_run_has_none(drifting):
    _, first, *_ = drifting
    assert drift_of(first) is None
    assert not COMPARISONS.keys() & set(first.tables)
    assert first.manifest.layout.compared_with is None


def test_the_same_images_are_told_to_be_so(drifting):
    _, _, same, _ = drifting
    assert "The images are the same" in drift_of(same)
    assert "Since the run before</a>: Nothing changed." in same.paths.report.read().tobytes().decode()


def test_what_changed_is_in_tables_of_the_run_and_in_its_report(drifting):
    _, _, same, later = drifting
    assert later.manifest.layout.compared_with == "run-2"
    expected = compare_runs(same, later)
    assert COMPARISONS.keys() <= set(later.tables)
    known = {name: None if math.isnan(value) else value for name, value in expected.summary.items()}
    assert later.tables["compared_runs"].to_pylist() == [known]  # all images are of one split, so none can leak
    for name, columns in expected.tables.items():
        assert later.tables[name].equals(to_table(COMPARISONS[name], columns)), name
    classes = {
        row["class_name"]: (row["images_before"], row["images_after"])
        for row in later.tables["compared_classes"].to_pylist()
    }
    assert classes == {"a": (60, 59), "b": (60, 60), "c": (60, 60), "d": (None, 40)}
    assert json.loads(later.tables["compared_runs"].schema.metadata[b"eigenwave"])["first"] == "run-2"
    text = drift_of(later)
    named = "d/0600.png, d/0601.png, d/0602.png and others. 1 removed: a/0000.png. 1 changed: b/0001.png."
    assert f"40 added: {named}" in text
    assert "1 class is new. d." in text.replace(" .", ".")
    figure = later.paths.figure("drift.svg").read_bytes().decode()
    assert "<title>Association since run run-2</title>" in figure
    assert figure.count('width="6.00" height="6.00"') == 2 * 4  # a dot for each pattern, then and now


def test_what_was_damaged_comes_back_and_the_report_without_the_run_before(drifting, tmp_path):
    workspace, *_ = drifting
    copy = Workspace(shutil.copytree(local(workspace.folder), tmp_path / "copy"))
    paths = copy.run("run-3")
    drift = [paths.table(name) for name in COMPARISONS]
    good = {path: digest_of(path) for path in [*drift, paths.report]}
    for path in good:
        write_file(path, b"damaged")
    assert {fault.path for fault in repair(copy, paths, InlineFanout())} == set(good)
    assert {path: digest_of(path) for path in good} == good
    assert list(verify(copy, paths)) == []
    shutil.rmtree(local(copy.run("run-2").folder))
    write_file(paths.report, b"damaged")
    repair(copy, paths, InlineFanout())
    assert digest_of(paths.report) == good[paths.report]
    write_file(drift[0], b"damaged")
    with pytest.raises(InputError, match="The run run-2 no longer exists, so the drift from it to run run-3"):
        repair(copy, paths, InlineFanout())


def test_a_damaged_run_before_is_no_reason_to_fail(drifting, tmp_path):
    workspace, *_ = drifting
    copy = Workspace(shutil.copytree(local(workspace.folder), tmp_path / "copy"))
    write_file(copy.run("run-3").patterns / "c/0/0", b"damaged")
    source = open_run(copy.run("run-3").folder).manifest.source
    again = analyse(source, copy.address, run_id="run-4", report=True, **SMALL)
    assert again.manifest.layout.compared_with == "run-3"
    assert not COMPARISONS.keys() & set(again.tables)
    assert drift_of(again) is None
