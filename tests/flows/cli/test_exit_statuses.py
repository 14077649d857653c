"""The table of exit statuses in docs/troubleshooting.md lists those that the code has, and no others."""

import ast
import re

import eigenwave.__main__ as entry
from flows.cli import boundary, ending
from storage.errors import EigenwaveError
from tests.structure import ROOT, files

# What ends a process, and the statuses that are passed to it, as the code writes them.
ENDS = {"exit", "_exit", "leave", "SystemExit"}
KNOWN = {
    "INTERRUPTED": {ending.INTERRUPTED, entry.INTERRUPTED},
    "status": set(),  # that of the caller
    "status(words, debug=debug)": set(),
    "STATUS + number": {ending.STATUS + each for each in ending.SIGNALS},
    "STATUS + received[0]": {ending.STATUS + each for each in ending.SIGNALS},
    "error.exit_code": set(),  # below
    "0": {0},
}
MESSAGE = 1  # the status of sys.exit with a text


def subclasses(kind):
    return {kind} | {each for child in kind.__subclasses__() for each in subclasses(child)}


def passed(path):
    """The last argument of each call that ends a process, as code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) in ENDS:
            yield node.args[-1]


def in_code():
    """Every status that a command can end with."""
    found = {0, boundary.PIPE_CLOSED, *(each.exit_code for each in subclasses(EigenwaveError))}
    for path in files(ROOT):
        for status in passed(path):
            found |= {MESSAGE} if isinstance(status, ast.JoinedStr) else KNOWN[ast.unparse(status)]
    return found


def test_the_table_lists_the_statuses_of_the_code():
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    listed = [int(status) for status in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert listed == sorted(in_code())


def test_a_status_that_is_not_known_is_seen(tmp_path):
    (tmp_path / "code.py").write_text("import sys\nsys.exit(7)\nsys.exit(f'{sys}')\nos._exit(INTERRUPTED)")
    assert [ast.unparse(status) for status in passed(tmp_path / "code.py")] == ["7", "f'{sys}'", "INTERRUPTED"]
    assert "7" not in KNOWN
