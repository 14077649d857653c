"""Hooks are functions of other packages, found as Python finds any entry point."""

import json
import sys
from textwrap import dedent

import pytest

from flows.documents.runs import Summary
from flows.hooks.call import call_hooks
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tests.schemas import checked


def install(folder, code, *names):
    """Put a package with functions of these names as hooks where Python looks for packages."""
    about = folder / "board-2.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: board\nVersion: 2.0\n")
    lines = "".join(f"{name} = board_hooks:{name}\n" for name in names)
    (about / "entry_points.txt").write_text(f"[eigenwave.after_run]\n{lines}")
    (folder / "board_hooks.py").write_text(dedent(code))
    return folder


@pytest.fixture
def small_run(drifting):
    """A run of a dataset that was analyzed before it changed."""
    return drifting[3]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    def install_here(code, *names):
        monkeypatch.syspath_prepend(install(tmp_path / "packages", code, *names))
        monkeypatch.delitem(sys.modules, "board_hooks", raising=False)

    return install_here


def called(run):
    """The warnings of a call of all hooks."""
    warnings = []
    call_hooks(run, Settings(), warnings.append)
    return warnings


def test_each_hook_gets_the_run_and_its_summary_and_none_fails_the_run(small_run, installed, capsys):
    code = """
        import sys

        given = []

        def first(run, summary):
            print("printed")
            summary["patterns"].clear()
            raise ValueError("no way to\\n https://me:secret@host")

        def leaves(run, summary):
            sys.exit("enough")

        def takes(run, summary):
            given.append((run, summary))
    """
    installed(code, "takes", "leaves", "first", "missing")
    assert called(small_run) == [
        f"The hook {name} of board failed: {reason}. The run is finished and intact."
        for name, reason in [
            ("first", "ValueError: no way to https://***@host"),
            ("leaves", "SystemExit: enough"),
            ("missing", "AttributeError: module 'board_hooks' has no attribute 'missing'"),
        ]
    ]
    ((run, summary),) = sys.modules["board_hooks"].given
    assert run is small_run
    checked("run", json.dumps({"command": "run", "version": 1, "run": summary}, allow_nan=False))
    assert len(summary["patterns"]) == 4  # the first hook spoiled its own
    assert capsys.readouterr() == ("", "printed\n")


def test_without_hooks_nothing_is_read(small_run, monkeypatch):
    monkeypatch.setattr(Summary, "of", lambda _: pytest.fail("the run is read"))
    assert called(small_run) == []


CODE = """
    import json

    from storage.runs.workspace import Workspace

    def takes(run, summary):
        with Workspace("eigenwave-workspace").lock():
            with open("called.jsonl", "a") as file:
                file.write(json.dumps([run.paths.run_id, summary["images"]]) + "\\n")
        print("on standard error")

    def fails(run, summary):
        raise KeyError("canary")
"""


def test_commands_and_flows_call_hooks_when_the_workspace_is_free(eigenwave, tmp_path, class_folders):
    packages = install(tmp_path / "packages", CODE, "takes", "fails")
    settings = ("--cluster", "inline", "--rank", "2", "--permutations", "1", "--no-scales", "--json", "--quiet")
    for verb, status in (("run", 0), ("audit", 1)):
        gates = ("--fail-if", "conflicts>=0") if verb == "audit" else ()
        done = eigenwave(verb, class_folders, *settings, *gates, "--run-id", f"of-{verb}", PYTHONPATH=str(packages))
        assert done.returncode == status, done.stderr
        assert checked(verb, done.stdout)["run"]["run_id"] == f"of-{verb}"
        sentence = "The hook fails of board failed: KeyError: 'canary'. The run is finished and intact."
        assert done.stderr.splitlines()[:2] == [sentence, "on standard error"]
    lines = (tmp_path / "called.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == ["of-run", "of-audit"]
    assert Workspace(tmp_path / "eigenwave-workspace").latest_id() == "of-audit"
