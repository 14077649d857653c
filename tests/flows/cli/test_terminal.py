"""Output of the commands on terminals of any width and encoding, without a terminal, and without a reader."""

import io
import json
import math
import os
import re
import subprocess
import sys

import pytest
from rich.text import Text

from flows.cli.terminal import Terminal, as_json, grid
from tests.datasets import write_images
from tests.processes import EIGENWAVE

CLASSES = ("a\x1b[31mRED\x1b[2J\x1b]0;TITLE\x07", "b\x9b31m", "c\u202edcba", "[red]d:cat:", "caf\u00e9", "two\nlines")
SHOWN = (
    r"a\x1b[31mRED\x1b[2J\x1b]0;TITLE\x07",
    r"b\x9b31m",
    r"c\u202edcba",
    "[red]d:cat:",
    "caf\u00e9",
    r"two\nlines",
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A dataset whose classes have names that steer terminals."""
    return write_images(tmp_path_factory.mktemp("planted") / "data", classes=CLASSES, count=6)


def command(*words, redirect="", **environment):
    """Run the command in a shell that treats its output so."""
    variables = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LC_ALL", "LANG"}}
    line = " ".join([f'exec "{EIGENWAVE}"', *(f'"{word}"' for word in words), redirect])
    return subprocess.run(["bash", "-c", line], env=variables | environment, capture_output=True, check=False)  # noqa: S607


def printed(done):
    return (done.stdout + done.stderr).decode("utf-8", "strict")


def shown(renderable, width=80):
    terminal = Terminal()
    terminal.file, terminal.width = io.StringIO(), width
    terminal.print(renderable)
    return terminal.file.getvalue()


def test_no_text_in_whatever_is_printed_steers_the_terminal():
    table = grid("name", "text")
    table.add_row("\x1b[2J[red]:cat:", Text("\u202eb\x9b"))
    for renderable in (table, Text("a\x1b", style="bold"), "a\x1b[/]b"):
        assert not UNSAFE.search(shown(renderable))
    assert r"\x1b[2J[red]:cat:" in shown(table)
    assert r"a\x1b[/]b" in shown("a\x1b[/]b")


def test_a_narrow_table_is_folded_and_nothing_is_cut_off():
    table = grid("name", "number")
    table.add_row("a-name-without-any-place-to-break-it", "1,234,567,890")
    cells = shown(table, 20)
    assert "\u2026" not in cells
    folded = [line.split() for line in cells.splitlines()]
    assert "".join(row[0] for row in folded[1:] if row).startswith("a-name")
    assert "1234567890" in re.sub(r"[^\d]", "", cells)


def test_json_is_ascii_and_the_same():
    content = {"a\x1b\x7f\u202e\u00e9": ["\x9b", "\ud800"]}
    out = as_json(content)
    assert out.isascii()
    assert not UNSAFE.search(out)
    assert json.loads(out) == content


def test_numbers_that_json_does_not_have_are_null():
    found = as_json({"a": [math.nan, (-math.inf, 0.1 + 0.2)]})
    assert json.loads(found, parse_constant=pytest.fail) == {"a": [None, [None, 0.30000000000000004]]}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"COLUMNS": "40"},
        {"NO_COLOR": "1", "TERM": "dumb"},
    ],
    ids=str,
)
def test_names_are_shown_whole_and_safe_wherever(planted, environment):
    done = command("check", planted, **environment)
    text = printed(done)
    assert done.returncode == 0, text
    assert not UNSAFE.search(text)
    assert "Traceback" not in text
    squeezed = re.sub(r"\s+\d*\s*", "", text)  # folded cells
    for name in SHOWN if environment.get("PYTHONUTF8") != "0" else ():  # file names are other names there
        known = name if text.isascii() is False else name.encode("ascii", "backslashreplace").decode()
        assert re.sub(r"\s", "", known)[:12] in squeezed, known


def test_a_name_in_an_error_is_escaped(tmp_path):
    done = command("check", f"{tmp_path}/no\x1b[31msuch\u202e")
    assert done.returncode == 2
    assert r"no\x1b[31msuch\u202e" in done.stderr.decode()
    assert not UNSAFE.search(printed(done))


def test_a_reader_that_leaves_ends_the_command_quietly(planted):
    done = command("check", planted, "--json", redirect="| head -1")
    assert done.stdout.decode().splitlines()[0] == "{"
    assert done.stderr == b""


def test_output_that_cannot_be_written_is_told(tmp_path):
    full = command("list", "--workspace", tmp_path / "none", redirect="> /dev/full")
    assert (full.returncode, full.stdout) == (1, b"")
    assert b"No space left on device" in full.stderr
    assert full.stderr.count(b"\n") == 1
    closed = command("list", "--workspace", tmp_path / "none", redirect=">&-")
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, b"", b"")
    silent = command("show", "--workspace", tmp_path / "none", redirect="2>&-")
    assert (silent.returncode, silent.stdout) == (2, b"")


def test_closed_streams_are_never_the_number_of_another_file():
    code = "import os; from flows.cli.terminal import open_streams; open_streams(); print(os.open(os.devnull, 0) > 2)"
    words = f'exec "{sys.executable}" -c "{code}" <&- 2>&-'
    done = subprocess.run(["bash", "-c", words], capture_output=True, check=False)  # noqa: S607
    assert done.stdout == b"True\n"


def test_a_folder_that_was_removed_is_told(tmp_path):
    line = f'mkdir "{tmp_path}/gone" && cd "{tmp_path}/gone" && rmdir "{tmp_path}/gone" && exec "{EIGENWAVE}" list'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 1
    assert "the current folder was removed: change to a folder that exists" in done.stderr
    assert "Traceback" not in done.stderr
