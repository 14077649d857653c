"""The names in `import eigenwave`: each is documented, and imported on first use."""

import importlib.metadata
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenwave
from eigenwave import associate, check, compare, explain, issues, plan, run
from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from tests.datasets import write_images
from tests.processes import EIGENWAVE
from tests.runs import contents, local

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python-api.md"
FUNCTIONS = ("associate", "check", "compare", "explain", "issues", "open_run", "plan", "run")
HEAVY = {"bokeh", "dask", "distributed", "jinja2", "prefect"}


def command(*words):
    """What the command prints."""
    environment = os.environ | {"COLUMNS": "120"}
    done = subprocess.run([EIGENWAVE, *map(str, words)], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def loaded(lines):
    """Modules that a process has after these lines, and did not have before."""
    code = f"import sys\nbefore = set(sys.modules)\n{lines}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_it_imports_nothing_else():
    found = loaded("import eigenwave")
    assert {name.split(".")[0] for name in found} - sys.stdlib_module_names == {"eigenwave"}
    assert not found & {"asyncio", "importlib.metadata", "inspect", "json", "pathlib", "subprocess", "urllib"}


@pytest.mark.parametrize("lines", ["eigenwave.open_run", "eigenwave.plan('digits')", "eigenwave.check('digits')"])
def test_what_only_reads_imports_neither_prefect_nor_dask(lines):
    found = {name.split(".")[0] for name in loaded(f"import eigenwave\n{lines}")}
    assert "storage" in found
    assert not found & HEAVY


def test_every_name_is_there_and_no_other():
    assert dir(eigenwave) == eigenwave.__all__ == sorted(eigenwave.__all__)
    assert all(hasattr(eigenwave, name) for name in eigenwave.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        eigenwave.nonsense  # noqa: B018


def test_the_page_has_an_example_of_each_name_and_no_other():
    sections = dict(re.findall(r"^## `eigenwave\.(\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    assert sorted(sections) == sorted(eigenwave.__all__)
    for name, text in sections.items():
        assert re.search(rf"^    .*\b{'run' if name == 'Run' else name}\b", text, re.MULTILINE), name


def test_errors_can_be_caught_by_their_public_names():
    assert eigenwave.InputError is InputError
    assert issubclass(eigenwave.InputError, eigenwave.EigenwaveError)
    with pytest.raises(eigenwave.EigenwaveError, match="There is no folder 9"):
        eigenwave.open_run("9")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described_and_there_is_an_example(name):
    function = getattr(eigenwave, name)
    text = inspect.getdoc(function)
    described = text.split("Parameters\n---")[1].split("Returns\n---")[0]
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^(.*, )?(\*\*)?{parameter}(, .*)?$", described, re.MULTILINE), parameter
    assert f"eigenwave.{name}(" in text.split("Examples\n---")[1]
    assert "Raises\n---" in text


def test_the_version_is_the_installed_one():
    assert eigenwave.__version__ == importlib.metadata.version("eigenwave")
    assert command("--version") == f"{eigenwave.__version__}\n"


def test_check_shows_what_the_command_shows(class_folders):
    found = check(class_folders)
    assert repr(found).split() == command("check", class_folders).split()
    assert found._repr_html_().startswith("<pre>")
    assert (found.images, found.bad, found.notes, found.problems) == (24, [], [], [])
    assert found.classes == {"cat": {"train": 12}, "dog": {"train": 12}}
    (class_folders / "cat" / "000.png").write_bytes(b"")
    assert check(class_folders).bad == [{"key": "cat/000.png", "reason": "empty", "detail": "the file has no bytes"}]


def test_plan_shows_what_the_command_shows(class_folders):
    found = plan(class_folders, rank=3)
    assert repr(found).split() == command("plan", class_folders, "--rank", "3").split()
    assert (found.images, found.rank, found.classes) == (24, 3, 2)
    assert found.seconds > sum(stage["seconds"] for stage in found.stages.values())
    assert plan(images=1e6, image_size=32).images == 1_000_000
    with pytest.raises(InputError, match="Give a SOURCE to plan for"):
        plan()
    with pytest.raises(InputError, match=r"There is no setting .*rnak"):
        plan(class_folders, rnak=3)


def test_settings_come_from_a_file_and_the_environment_too(tmp_path, class_folders, monkeypatch):
    (tmp_path / "settings.toml").write_text("rank = 2\n")
    assert plan(class_folders, config=tmp_path / "settings.toml").rank == 2
    monkeypatch.setenv("EIGENWAVE_RANK", "4")
    assert plan(class_folders, config=str(tmp_path / "settings.toml")).rank == 4
    assert plan(class_folders, rank=5).rank == 5


def test_compare_takes_runs_ids_and_folders(drifting):
    workspace, _, before, after = drifting
    files = contents(workspace)
    found = compare("run-2", after, workspace=workspace.address)
    assert (found.before, found.after, found.summary["removed_images"]) == ("run-2", "run-3", 1)
    assert found.tables["compared_images"].to_pylist()[0]["key"] == "a/0000.png"
    assert "run-2 -> run-3" in repr(found)
    assert compare(str(before.paths.folder), "run-3", workspace=Path(workspace.address)).summary == found.summary
    assert contents(workspace) == files


def test_a_run_that_is_not_possible_is_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "one", classes=("cat",))
    with pytest.raises(InputError, match="images of only one class"):
        run(tmp_path / "one")
    with pytest.raises(InputError, match="run id '9' is not allowed"):
        run("digits", run_id="9")
    assert not (tmp_path / "eigenwave-workspace").exists()


def test_issues_takes_a_run_an_id_or_a_folder(drifting):
    workspace, _, _, after = drifting
    every = issues(after, workspace=workspace.address)
    assert every.equals(after.tables["issues"])
    assert issues("run-3", workspace=Path(workspace.address)).equals(every)
    assert issues(str(after.paths.folder), kind=["leak"], class_name="a", top=1, new=True).num_rows == 0
    with pytest.raises(InputError, match="There is no kind of issue 'odd'; choose from conflict, leak, "):
        issues(after, kind="odd")


@pytest.fixture
def asked(drifting, tmp_path):
    """A copy of the workspace of those runs, and the last of them, for questions that are kept."""
    copy = Workspace(shutil.copytree(local(drifting[0].folder), tmp_path / "copy"))
    return copy, open_run(copy.run("run-3").folder)


def test_associate_shows_what_the_command_shows(asked, tmp_path):
    workspace, after = asked
    table = tmp_path / "sites.csv"
    keys = after.tables["samples"]["key"].to_pylist()
    table.write_text("key,site,side\n" + "".join(f"{key},{key[0]},{number % 2}\n" for number, key in enumerate(keys)))
    found = associate(after, by=["site", "side"], table=table, workspace=workspace.address)
    words = ("associate", "run-3", "--by", "site,side", "--table", table, "--workspace", workspace.address)
    assert set(repr(found).split()) <= set(command(*words).split())
    assert (found.run, found.columns) == ("run-3", ["site", "side"])
    assert found.tables["column_summary"]["column"].to_pylist() == ["site", "side"]
    assert found.tables["column_patterns"].num_rows == 2 * after.scores.shape[1]
    again = associate("run-3", by="site", table=str(table), workspace=Path(workspace.address))
    assert again.tables["column_values"].equals(
        found.tables["column_values"].slice(0, again.tables["column_values"].num_rows)
    )
    with pytest.raises(InputError, match="There is no column 'odd'"):
        associate(after, by="odd", workspace=workspace.address)


def test_explain_shows_what_the_command_shows(asked, tmp_path):
    workspace, after = asked
    features = np.random.default_rng(0).standard_normal((len(after.tables["samples"]), 3))
    np.savez(tmp_path / "layers.npz", first=features, second=features[:, :1])
    found = explain(after, features=tmp_path / "layers.npz", workspace=workspace.address)
    shown = command("explain", "run-3", tmp_path / "layers.npz", "--workspace", workspace.address)
    assert set(repr(found).split()) <= set(shown.split())
    assert (found.run, found.layers) == ("run-3", ["first", "second"])
    again = explain("run-3", features={"first": features}, control={"first": features}, workspace=workspace.address)
    assert again.tables["explained_layers"]["features"].to_pylist() == [3]
    with pytest.raises(InputError, match=r"first is float64 of shape \(1, 3\). It must hold numbers"):
        explain(after, features={"first": features[:1]}, workspace=workspace.address)
