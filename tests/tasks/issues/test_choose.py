"""The issues of finished runs, by kind and class, and those that are new."""

import shutil

import pyarrow as pa
import pytest

from storage.errors import InputError
from storage.runs.removal import remove_runs
from storage.runs.workspace import Workspace
from tasks.issues.choose import Choice, Issues, relative_to_dataset
from tasks.issues.decisions import Decision, Decisions, Issue, issues_of
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of a dataset: the second has a copy that is moved, and two copies more."""
    folder = tmp_path_factory.mktemp("choose")
    source = smooth_images(folder / "data", count=30)
    for copy in ("a/copy.png", "b/conflict.png"):
        shutil.copy(source / "a" / "0000.png", source / copy)
    first = analyse(source, folder / "workspace", run_id="first", **SMALL)
    (source / "a" / "copy.png").rename(source / "a" / "renamed.png")
    shutil.copy(source / "c" / "0001.png", source / "c" / "copy.png")
    return first, analyse(source, folder / "workspace", run_id="second", **SMALL)


def opened(run, decisions=None):
    return Issues.of(run, Workspace(str(run.paths.folder).rpartition("/runs/")[0]), decisions or Decisions())


def test_kinds_classes_and_the_most_severe(runs):
    every = opened(runs[1])
    whole = runs[1].tables["issues"]
    assert every.choose(Choice()).equals(whole)
    chosen = every.choose(Choice(kinds=["conflict"], classes=["a", "c"]))
    assert chosen["key"].to_pylist() == ["a/0000.png", "a/renamed.png"]
    assert every.choose(Choice(top=2)).equals(whole.slice(0, 2))


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"kinds": ["odd"]}, "There is no kind of issue 'odd'; choose from conflict, leak, exact duplicate, "),
        ({"classes": ["z"]}, "There is no class 'z'; choose from a, b, c"),
        ({"top": 0}, "--top 0 is not possible"),
    ],
)
def test_what_cannot_be_chosen_is_refused(runs, choice, sentence):
    with pytest.raises(InputError, match=sentence):
        opened(runs[1]).choose(Choice(**choice))


def test_new_is_what_neither_the_run_before_has_nor_was_decided(runs):
    """A renamed image is the same image."""
    every = opened(runs[1])
    copies = Choice(kinds=["conflict", "leak", "exact duplicate"], new=True)  # suspicion may pass its limit any time
    (row,) = every.choose(copies).to_pylist()
    assert (row["kind"], row["key"]) == ("exact duplicate", "c/copy.png")
    (issue,) = issues_of(runs[1], every.choose(copies))
    assert issue == Issue(row["digest"], "exact duplicate", "c", row["digest"])
    decided = opened(runs[1], Decisions({issue: Decision("keep", "")}))
    assert (len(decided.choose(copies)), decided.new) == (0, every.new - 1)
    # In the first run all are new.
    assert opened(runs[0]).new == len(runs[0].tables["issues"])


def test_a_run_without_the_table_is_refused(runs, tmp_path):
    copy = Workspace(shutil.copytree(str(runs[0].paths.folder).rpartition("/runs/")[0], tmp_path / "copy"))
    (tmp_path / "copy" / "runs" / "second" / "tables" / "issues.parquet").unlink()
    with pytest.raises(InputError, match="The run second has no list of issues, since an earlier version wrote it"):
        opened(type(runs[0])(copy.run("second"))).choose(Choice())
    (tmp_path / "copy" / "runs" / "first" / "tables" / "issues.parquet").unlink()
    shutil.copy(str(runs[1].paths.table("issues")), tmp_path / "copy" / "runs" / "second" / "tables" / "issues.parquet")
    with pytest.raises(InputError, match="run before, first, has no list of issues, since an earlier version"):
        opened(type(runs[0])(copy.run("second"))).choose(Choice(new=True))


def test_after_the_run_before_was_removed_no_issue_is_called_new(runs, tmp_path):
    copy = Workspace(shutil.copytree(str(runs[0].paths.folder).rpartition("/runs/")[0], tmp_path / "copy"))
    remove_runs(copy, ["first"])
    every = opened(type(runs[0])(copy.run("second")))
    sentence = "not known which issues of the run second are new, because the run before, first, is gone; list all"
    with pytest.raises(InputError, match=sentence):
        every.choose(Choice(new=True))
    assert every.choose(Choice()).equals(runs[1].tables["issues"])


@pytest.mark.parametrize(
    ("path", "source", "short"),
    [
        ("/data/x/a/1.png", "/data/x", "a/1.png"),
        ("/data/x/a/1.png", "/data/x/list.csv", "a/1.png"),
        ("/data/x.zip::a/1.png", "/data/x.zip", "x.zip::a/1.png"),
        ("/data/mnist#train/7", "/data/mnist", "mnist#train/7"),
        ("s3://bucket/data/a/1.png", "s3://bucket/data", "a/1.png"),
        ("/other/1.png", "/data/x", "/other/1.png"),
        ("digits#0001", "digits", "digits#0001"),
    ],
)
def test_paths_relative_to_the_dataset(path, source, short):
    table = pa.table({"key": ["k"], "path": pa.array([path], pa.string())})
    assert relative_to_dataset(table, source)["path"].to_pylist() == [short]
