import os
import re
import subprocess
import sys
import time

import pytest

from storage.errors import InputError
from storage.runs.workspace import Workspace, checked_run_id, new_run_id
from storage.stores import local
from storage.stores.files import write_file
from storage.stores.private import open_lock

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


def test_a_lock_is_free_though_a_process_that_starts_still_has_its_file(tmp_path, monkeypatch):
    """Between fork and exec a child has the files of its parent; a duplicate stands for it here."""
    workspace, opened = Workspace(tmp_path), []
    workspace.prepare()

    def noted(path):
        opened.append(open_lock(path))
        return opened[-1]

    monkeypatch.setattr(local, "open_lock", noted)
    with workspace.lock():
        duplicate = os.dup(opened[0].fileno())
    try:
        with workspace.lock():
            assert len(opened) == 2
    finally:
        os.close(duplicate)


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


def test_a_workspace_stands_for_its_latest_run_and_other_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = Workspace(str(tmp_path / "other"))
    for name in ("r-1", "r-2"):
        write_file(other.run(name).manifest)
    write_file(other.latest, b"r-2")
    workspace = Workspace(str(tmp_path))
    for address in ("other", str(tmp_path / "other"), f"{tmp_path}/other/"):
        assert workspace.find(address) == other.run("r-2")
        assert workspace.home(address).folder == other.folder
    # The workspace of a run is found from any folder.
    monkeypatch.chdir(tmp_path / "other")
    assert workspace.home("runs/r-1").folder == workspace.home(str(other.run("r-1").folder)).folder == other.folder
    assert workspace.home("r-1") == workspace.home("latest") == workspace
    with pytest.raises(InputError, match="runs is neither a run nor a workspace"):
        workspace.find("runs")


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
