"""Answers about columns and layers, in the report that is written again after they were asked for."""

import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError
from storage.runs.run import Run, open_run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from tasks.columns.ask import ask_run
from tasks.explain.tables import explain_run
from tasks.report.asked import NOTHING, PATTERNS, read_asked
from tasks.report.column_words import sentence
from tasks.report.page import rewrite_report
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local

NAME = "<b>site</b> & co"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a workspace whose run was asked nothing yet, a table of columns, and features of layers."""
    folder = tmp_path_factory.mktemp("asked")
    source = smooth_images(folder / "data", count=120)
    run = analyse(source, folder / "workspace", report=True, **SMALL | {"rank": 8, "scales": False})
    samples, random = run.tables["samples"].to_pandas(), np.random.default_rng(0)
    scores = np.asarray(run.scores[:], np.float64)
    rows = [
        {"key": key, NAME: name, "coin": f"{coin}", "size": float(score)}
        for key, name, coin, score in zip(
            samples.key, samples.class_name, random.integers(0, 2, len(samples)), scores[:, 3], strict=True
        )
    ]
    (folder / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    few = np.full((len(samples), 2), np.nan)
    few[:20] = 1
    layers = {"kept": scores[:, [5, 2]], "noise": random.standard_normal((len(samples), 3)), "few": few}
    np.savez(folder / "layers.npz", **layers)
    return folder


@pytest.fixture
def run(made, tmp_path):
    """The run in a copy of its folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return open_run(tmp_path / "workspace")


def asked(run, folder):
    workspace = Workspace(folder / "workspace")
    ask_run(workspace, run, [NAME, "coin", "size"], folder / "more.jsonl")
    explain_run(workspace, run, folder / "layers.npz")
    return workspace


def test_without_questions_the_report_stays_as_it_is(run, tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    assert read_asked(workspace, run.manifest.run_id) == NOTHING
    before = run.paths.report.read_bytes()
    rewrite_report(workspace, run.paths)
    assert run.paths.report.read_bytes() == before
    assert b'id="asked"' not in before
    assert b'id="layers"' not in before


def test_answers_are_those_of_the_tables(run, tmp_path):
    workspace = asked(run, tmp_path)
    found = read_asked(workspace, run.manifest.run_id)
    asked_again = ask_run(workspace, run, [NAME, "coin", "size"], tmp_path / "more.jsonl")
    tables = {each.column: each.tables for each in asked_again}
    by_name = {column.name: column for column in found.columns}
    assert by_name.keys() == tables.keys()
    for name, column in by_name.items():
        (row,) = tables[name]["column_summary"].to_pylist()
        assert column.sentences[0] == sentence(row)
        (shortcut,) = tables[name]["column_shortcuts"].to_pylist()
        assert column.row["verdict"] == shortcut["verdict"]
    assert by_name["coin"].patterns == []
    ranked = tables[NAME]["column_patterns"].to_pandas().sort_values("association_rank")
    ranked = ranked[ranked.eta_squared > ranked.null_eta_squared_max]
    assert [seen.pattern for seen in by_name[NAME].patterns] == ranked.pattern.tolist()[:PATTERNS]
    top = ranked.iloc[0]
    assert by_name[NAME].patterns[0].words == [
        f"η² {top.eta_squared:.2f}",
        f"shuffled, most {top.null_eta_squared_max:.2f}",
        top.top_value,
    ]
    correlated = tables["size"]["column_patterns"].to_pandas()
    beyond = correlated[correlated.correlation.abs() > correlated.null_correlation_max].pattern
    assert {seen.pattern for seen in by_name["size"].patterns} == set(beyond)
    assert by_name["size"].patterns[0].pattern == 3
    assert by_name["size"].patterns[0].words[0] == "r 1.00"
    assert [layer.name for layer in found.layers] == ["few", "kept", "noise"]
    assert {seen.pattern for seen in found.layers[1].patterns} == {2, 5}
    assert found.layers[0].patterns == found.layers[2].patterns == []
    assert [row["layer"] for row in found.known_layers] == ["kept", "noise"]


def test_the_report_shows_them_and_is_sound(run, tmp_path):
    workspace = asked(run, tmp_path)
    rewrite_report(workspace, run.paths)
    html = run.paths.report.read_bytes().decode()
    assert "<b>site</b>" not in html
    assert "<code>&lt;b&gt;site&lt;/b&gt; &amp; co</code>" in html
    shown = html[html.index('id="asked"') : html.index('id="provenance"')]
    found = read_asked(workspace, run.manifest.run_id)
    pictures = re.findall(r'data-picture="(\d+)" alt="Pattern (\d+)"', shown)
    expected = [seen.pattern for each in (*found.columns, *found.layers) for seen in each.patterns]
    assert pictures == [(str(pattern), str(pattern)) for pattern in expected]
    assert "Nothing can be said of <code>few</code>" in shown
    drawn = ET.fromstring(run.paths.figure("layers.svg").read_bytes())  # noqa: S314 - our own
    words = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"kept", "noise", "features", "shuffled"} <= words
    again = Run(run.paths)
    assert "figures/layers.svg" in again.manifest.files
    assert list(verify(workspace, run.paths)) == []


def test_a_report_with_answers_is_repaired(run, tmp_path):
    workspace = asked(run, tmp_path)
    rewrite_report(workspace, run.paths)
    whole = run.paths.report.read_bytes()
    write_file(run.paths.report, whole[:-1])
    repair(workspace, run.paths, InlineFanout())
    assert run.paths.report.read_bytes() == whole


def test_unfinished_answers_are_left_out_and_damaged_ones_are_named(run, tmp_path):
    workspace = asked(run, tmp_path)
    run_id = run.manifest.run_id
    (workspace.association(run_id, "coin") / "column_summary.parquet").unlink()
    (workspace.association(run_id, "noise") / "explained_layers.parquet").unlink()
    found = read_asked(workspace, run_id)
    assert {column.name for column in found.columns} == {NAME, "size"}
    assert [layer.name for layer in found.layers] == ["few", "kept"]
    path = local(workspace.association(run_id, "kept") / "explained_layers.parquet")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EigenwaveError, match=r"kept/explained_layers\.parquet cannot be read"):
        rewrite_report(workspace, run.paths)
