"""The run that `open_run` opens, and the error if there is none."""

import pandas as pd
import polars as pl
import pytest

from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.stores.files import write_file


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace in its usual place, with two finished runs and one that was interrupted."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace("eigenwave-workspace")
    for name in ("first", "second"):
        write_file(workspace.run(name).manifest)
    write_file(workspace.run("interrupted").plan)
    write_file(workspace.latest, b"second")
    return tmp_path / "eigenwave-workspace"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "second"),
        (("latest",), "second"),
        (("first",), "first"),
        (("{}",), "second"),
        (("{}/",), "second"),
        (("{}/latest",), "second"),
        (("{}/runs/latest",), "second"),
        (("{}/runs/first",), "first"),
        (("eigenwave-workspace",), "second"),
        (("eigenwave-workspace/runs/first/",), "first"),
    ],
)
def test_a_run_is_named_by_its_id_its_folder_or_its_workspace(workspace, words, expected):
    assert open_run(*(word.format(workspace) for word in words)).paths.run_id == expected


def test_ids_are_looked_for_in_the_workspace_that_is_named(workspace, monkeypatch):
    monkeypatch.chdir(workspace.parent.parent)
    assert open_run(workspace=workspace).paths.run_id == "second"
    assert open_run("first", workspace=str(workspace)).paths.run_id == "first"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("none", "The workspace {} has no run none; eigenwave list shows its runs."),
        ("interrupted", "Run interrupted was never finished; the same eigenwave run command continues it."),
        ("{}/runs/interrupted", "Run interrupted was never finished; the same eigenwave run command continues it."),
        ("{}/runs/none", "There is no folder {}/runs/none; pass the folder of a run, a run id, or a workspace."),
        ("{}/runs", "{}/runs is neither a run nor a workspace: it has no manifest.json and no folder runs."),
        ("9", "There is no folder 9; pass the folder of a run, a run id, or a workspace."),
    ],
)
def test_what_is_no_finished_run_is_refused_in_one_sentence(workspace, words, expected):
    with pytest.raises(InputError) as refused:
        open_run(words.format(workspace))
    assert str(refused.value) == expected.format(workspace)


def test_a_workspace_that_is_not_there_or_empty_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in ((), ("latest",), ("first",)):
        with pytest.raises(InputError) as refused:
            open_run(*words)
        name = words[0] if words else "latest"
        assert str(refused.value) == (
            f"The workspace {tmp_path}/eigenwave-workspace, in which to look for the run {name}, does not exist; "
            "pass workspace=, or the folder of the run."
        )
    (tmp_path / "eigenwave-workspace" / "runs").mkdir(parents=True)
    with pytest.raises(InputError, match="has no finished run; eigenwave run SOURCE makes one"):
        open_run("eigenwave-workspace")


def test_pandas_and_polars_keep_the_memory_of_numbers(drifting):
    samples = drifting[3].tables["samples"]
    assert samples["row"].num_chunks == 1
    (row,), (key,) = samples["row"].chunks, samples["key"].chunks
    frame = samples.to_pandas(types_mapper=pd.ArrowDtype)
    for name, values in (("row", row), ("key", key)):
        (kept,) = frame[name].array.__arrow_array__().chunks
        assert kept.buffers()[-1].address == values.buffers()[-1].address
    series = pl.from_arrow(samples, rechunk=False)["row"]
    assert series.to_arrow().buffers()[1].address == row.buffers()[1].address
    assert frame["key"].to_list() == pl.from_arrow(samples)["key"].to_list() == samples["key"].to_pylist()


def test_issues_are_those_of_the_table(drifting):
    run = drifting[3]
    assert run.issues().equals(run.tables["issues"])
    assert run.issues().num_rows > 0
