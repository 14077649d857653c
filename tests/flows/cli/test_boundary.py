"""Every error ends in one sentence, with its full text in a file that only its user reads."""

import errno
import logging
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.cli.boundary import KEPT, PIPE_CLOSED, keep_text, sentence, status_of
from flows.cli.ending import INTERRUPTED
from storage.errors import EigenwaveError, InputError, UnexpectedError
from tasks.wavelet.filters import analysis_filters
from tests.second_user import as_second_user


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder of the test's own; what a command sets for its process is taken back."""
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "cache"))
    for owner, name in ((threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    handlers = logging.getLogger().handlers
    monkeypatch.setattr(logging.getLogger(), "handlers", list(handlers))
    return tmp_path / "cache"


def raising(error):
    def command():
        raise error

    return command


def deep():
    return deep()


def full_text(told):
    """Content of the file that a sentence names."""
    return Path(re.search(r"The full text is in (\S+)\.$", told)[1]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (EigenwaveError("a clear sentence"), 1, "eigenwave: a clear sentence\n"),
        (InputError("wrong\x1b[2J input"), 2, "eigenwave: wrong\\x1b[2J input\n"),
        (ExceptionGroup("several", [InputError("the first")]), 2, "eigenwave: the first\n"),
        (KeyboardInterrupt(), INTERRUPTED, "eigenwave: interrupted; the same command continues the run.\n"),
        (SystemExit(3), 3, ""),
    ],
)
def test_an_error_made_for_users_is_shown_as_it_is(error, status, told, capsys):
    assert status_of(raising(error), debug=False) == status
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ZeroDivisionError("a \x1b[31mname\u202e"), "run the same command again"),
        (MemoryError(), "memory ran out: use fewer --workers"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/x"), "the disk is full: make room"),
        (ModuleNotFoundError("No module named 'x'"), "install eigenwave again"),
        (AssertionError(), "it has no message"),
        (BaseException("of no kind"), "BaseException at"),
        (UnexpectedError("Shard 3 failed with ZeroDivisionError: x (at a:b:1)", "Traceback of the worker"), "Shard 3"),
    ],
)
def test_any_other_error_is_one_sentence_with_kind_place_advice_and_file(error, advice, capsys):
    assert status_of(raising(error), debug=False) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("eigenwave: ")
    assert advice in told
    assert "Traceback" not in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert "Traceback" in full_text(told)


def test_the_place_is_in_our_code():
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of whatever kind
        analysis_filters(None, None, None)
    assert re.search(r" at tasks/wavelet/filters.py:\w+:\d+: ", str(sentence(caught.value)))


def test_a_recursion_without_end_is_told(capsys):
    assert status_of(deep, debug=False) == 1
    assert "RecursionError at" in capsys.readouterr().err


def test_debug_shows_the_traceback_too(capsys):
    assert status_of(raising(ZeroDivisionError("x")), debug=True) == 1
    told = capsys.readouterr().err
    assert "Traceback (most recent call last)" in told
    assert "eigenwave: ZeroDivisionError at" in told


def test_full_texts_are_private_and_few(cache):
    places = {keep_text(f"error {number}") for number in range(KEPT + 3)}
    kept = list((cache / "errors").iterdir())
    assert len(places) == KEPT + 3
    assert len(kept) == KEPT
    assert stat.S_IMODE((cache / "errors").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    cache.parent.chmod(0o755)
    ask = "import contextlib\nwith contextlib.suppress(OSError):\n    print(open(sys.argv[1]).read())"
    assert as_second_user("import contextlib, sys", ask, kept[0]) == ""


def test_full_texts_hold_no_passwords():
    told = keep_text("first\nat https://user:canary@host/x?sig=canary\nlast")
    assert full_text(told) == "first\nat https://***@host/x?***\nlast\n"


def test_without_a_cache_the_text_goes_to_scratch_or_nowhere(cache, monkeypatch):
    cache.touch()
    assert "eigenwave-" in keep_text("a")
    monkeypatch.setattr("tempfile.tempdir", str(cache))
    assert keep_text("a").startswith("The full text could not be written ([Errno 20] Not a directory")


def test_an_error_of_a_worker_comes_through_pickled():
    error = pickle.loads(pickle.dumps(UnexpectedError("a sentence", "Traceback")))  # noqa: S301 - our own
    assert (str(error), error.full_text, error.exit_code) == ("a sentence", "Traceback", 1)


def test_threads_destructors_and_logs_print_nothing(capsys):
    class Falls:
        def __del__(self):
            raise ZeroDivisionError("in a destructor")

    def command():
        thread = threading.Thread(target=raising(ZeroDivisionError("in a thread")))
        thread.start()
        thread.join()
        Falls()
        try:
            analysis_filters(None, None, None)
        except TypeError:
            logging.getLogger("a.library").exception("failed")

    assert status_of(command, debug=False) == 0
    assert capsys.readouterr().err == ""


LONG = """
import sys
sys.path.insert(0, {root!r})
from rich.text import Text
from flows.cli.boundary import status_of
from flows.cli.terminal import display
def show():
    for _ in range(3):
        display(Text("a line\\n" * {lines}))
sys.exit(status_of(show, debug=False))
"""


@pytest.mark.parametrize("lines", [1, 2_000, 200_000])
def test_a_reader_that_leaves_is_no_error(lines):
    code = LONG.format(root=os.getcwd(), lines=lines)  # noqa: PTH109
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, b"")


def test_another_broken_pipe_is_an_error(capsys):
    def command():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert status_of(command, debug=False) == 1
    assert "Broken pipe" in capsys.readouterr().err


BROKEN = """
import sys
sys.path.insert(0, {root!r})
import storage.runs.workspace as workspace
def fails(*_): raise {error}
workspace.Workspace.runs = fails
sys.argv = ["eigenwave", "list"]
from eigenwave.__main__ import main
main()
"""


@pytest.mark.parametrize("error", ["RuntimeError('a\\x1b[2Jb')", "MemoryError", "BaseExceptionGroup('g', [OSError()])"])
def test_a_command_that_fails_unexpectedly(error, tmp_path):
    code = BROKEN.format(root=os.getcwd(), error=error)  # noqa: PTH109
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "storage" not in done.stdout
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
