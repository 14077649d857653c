import os
import re
import subprocess
import sys
import time

import pytest

from storage.errors import InputError
from storage.runs.workspace import Workspace, checked_run_id, new_run_id
from storage.stores.files import write_file

HOLD = """
import sys, time
from storage.runs.workspace import Workspace
with Workspace(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_writer_is_refused_and_a_dead_owner_does_not_matter(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.prepare()
    owner = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert owner.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match=f"in use by process {owner.pid}"), workspace.lock():
        pass
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with workspace.lock():
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_a_workspace_that_is_not_there_cannot_be_locked(tmp_path):
    with pytest.raises(InputError, match="cannot be used: No such file"), Workspace(tmp_path / "none").lock():
        pass


def test_unusable_workspaces_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used"):
        Workspace(tmp_path / "file").prepare()
    with pytest.raises(InputError, match="cannot be used"):
        Workspace(tmp_path / "file" / "below").prepare()


def test_find_tells_what_is_missing(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError, match="has no finished run"):
        workspace.find("latest")
    with pytest.raises(InputError, match="has no run r-1"):
        workspace.find("r-1")
    (tmp_path / "runs" / "r-1").mkdir(parents=True)
    with pytest.raises(InputError, match="never finished"):
        workspace.find("r-1")
    write_file(workspace.run("r-1").manifest)
    write_file(workspace.latest, b"r-1")
    for name in ("r-1", "latest", str(workspace.run("r-1").folder)):
        assert workspace.find(name).run_id == "r-1"
    # A folder in the working directory may have the name of a run.
    (tmp_path / "here" / "r-1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("r-1", "latest"):
        assert workspace.find(name) == workspace.run("r-1")


def test_run_ids_sort_by_time():
    ids = []
    for _ in range(50):
        ids.append(checked_run_id(new_run_id()))
        time.sleep(1e-4)
    assert ids == sorted(set(ids))
    assert all(name.startswith("r-2") for name in ids)


def test_impossible_run_ids_are_refused():
    for bad in ("", "latest", "../r", "2026-01-01", "a b"):
        with pytest.raises(InputError, match="is not allowed"):
            checked_run_id(bad)


def test_folders_of_columns_have_names_that_every_file_system_takes(tmp_path):
    workspace = Workspace(tmp_path)
    names = ["site", "Site", "SITE", "a b", "a/b", "../x", "", ".", "é" * 300, "line\nbreak", "\0", "con|<>:", "a" * 61]
    folders = [workspace.association("run", name).key for name in names]
    assert folders[0] == "associations/run/site"
    assert len({folder.lower() for folder in folders}) == len(names)
    for folder in folders:
        assert re.fullmatch(r"associations/run/[A-Za-z0-9_-]{1,60}", folder), folder
