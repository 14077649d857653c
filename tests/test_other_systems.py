"""Without the features that only Linux has, the code still runs, or says in a sentence why not."""

import errno
import fcntl
import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from storage.arrays import scratch
from storage.stores import lease, local, retrying
from storage.stores.files import write_file
from storage.stores.open import open_path
from tests.structure import ROOT


def test_errors_that_only_linux_numbers_are_left_out(monkeypatch):
    number = errno.EREMOTEIO
    try:
        with monkeypatch.context() as patch:
            patch.delattr(errno, "EREMOTEIO")
            importlib.reload(retrying)
            assert number not in retrying.AWAY
            assert errno.ESTALE in retrying.AWAY
    finally:
        importlib.reload(retrying)
    assert number in retrying.AWAY


def test_files_are_synced_through_the_cache_of_a_disk_where_the_system_can(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(local, "_FULL_SYNC", 51)  # its number on macOS
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command: synced.append((os.fstat(descriptor), command)))
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("synced only as far as the disk's cache"))
    write_file(open_path(tmp_path) / "a", b"content")
    assert {command for _, command in synced} == {51}
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_machine_without_proc_is_known_by_its_name(monkeypatch):
    def missing(self, **_):
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", missing)
    assert lease._machine() == platform.node()  # noqa: SLF001


def test_a_c_library_without_mallopt_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    scratch.keep_freed_memory.__wrapped__()


@pytest.mark.parametrize(
    ("words", "status"), [(["-c", "import eigenwave.installed"], 1), (["-m", "eigenwave", "list"], 1)]
)
def test_windows_is_refused_in_one_sentence(tmp_path, words, status):
    # A system without fcntl, as Windows is.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['fcntl'] = None")
    variables = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, *words], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "eigenwave runs on Linux and macOS; on Windows use it in WSL" in done.stderr.splitlines()[-1]
    assert ("Traceback" in done.stderr) == (words[0] == "-c")
