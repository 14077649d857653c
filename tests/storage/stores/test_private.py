import os
import stat
import tempfile
from pathlib import Path

import pytest

from storage.errors import EigenwaveError, InputError
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from storage.stores.private import open_lock, private_folder, write_private
from tests.second_user import as_second_user

# Reads and writes a file of the workspace, reads its lock, and makes a file beside it.
STRANGER = """
for path, flags in (("runs/file", os.O_RDONLY), ("runs/file", os.O_WRONLY), ("lock", os.O_RDONLY), ("n", os.O_CREAT)):
    try:
        os.open(os.path.join(sys.argv[1], path), flags)
        print("read")
    except PermissionError:
        print("refused")
"""


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_private_folder_is_made_or_closed(tmp_path):
    assert mode(private_folder(tmp_path / "a" / "b")) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(private_folder(tmp_path / "open")) == 0o700


def test_a_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EigenwaveError, match="is a link or belongs to another user"):
        private_folder(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(EigenwaveError, match="cannot be used"):
        private_folder(tmp_path / "file")


def test_a_private_file_is_new_and_for_one_user(tmp_path):
    write_private(tmp_path / "new", "a")
    assert mode(tmp_path / "new") == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for taken in ("new", "link"):
        with pytest.raises(FileExistsError):
            write_private(tmp_path / taken, "b")
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "new").read_text() == "a"


def test_a_lock_is_not_opened_through_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("of another")
    (tmp_path / "lock").symlink_to(target)
    space = Workspace(tmp_path)
    with pytest.raises(InputError, match="lock is a link; remove it"), space.lock():
        pass
    assert target.read_text() == "of another"
    with open_lock(tmp_path / "new") as file:
        file.write("a")
    assert mode(tmp_path / "new") & 0o007 == 0


def test_nothing_is_written_through_a_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("of another")
    link = Workspace(tmp_path).folder / "runs"
    (tmp_path / "runs").symlink_to(target)
    write_file(link, b"ours")
    assert (target.read_text(), (tmp_path / "runs").read_text()) == ("of another", "ours")
    assert not (tmp_path / "runs").is_symlink()


@pytest.mark.parametrize(("umask", "readable"), [(0o077, False), (0o022, True)])
def test_another_user_reads_a_workspace_only_if_the_umask_says_so(umask, readable):
    before = os.umask(umask)
    try:
        with tempfile.TemporaryDirectory() as reached:  # pytest's own folders are closed to others
            Path(reached).chmod(0o755)
            space = Workspace(Path(reached) / "workspace")
            space.prepare()
            write_file(space.folder / "runs" / "file", b"ours")
            with space.lock():
                found = as_second_user("import os, sys", STRANGER, space.folder)
    finally:
        os.umask(before)
    assert found.split() == ["read" if readable else "refused", "refused", "refused", "refused"]
