"""A disk that is full, at once or in any phase of a run, and one that cannot be written."""

import shutil
import subprocess
from contextlib import suppress
from itertools import pairwise

import pytest

from storage.errors import EigenwaveError, InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.stores.local import LocalStore
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.driver import PHASES, phases_of
from tests.faults.table import record


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=375k", "tmpfs", folder]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S607


def remount(disk, options):
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)  # noqa: S607


def test_a_full_disk_keeps_what_is_finished(disk, tmp_path, monkeypatch):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=60)
    driver.analyse(source, tmp_path / "expected")
    with pytest.raises(InputError, match=r"may take \d+ MiB more in the workspace .* where 0 MiB are free: free some"):
        driver.analyse(source, disk / "workspace")
    assert not (disk / "workspace" / "shards").exists()
    # There was room when the run began, and others took it.
    monkeypatch.setattr(LocalStore, "free", lambda _: None)
    with pytest.raises(EigenwaveError, match=r"cannot be written: No space left on device; free some space .* is kept"):
        driver.analyse(source, disk / "workspace")
    shards = {path.name: path.stat().st_mtime_ns for path in (disk / "workspace" / "shards").rglob("*.json")}
    assert shards
    assert not list((disk / "workspace").rglob("*.partial"))
    remount(disk, "size=50m")
    driver.analyse(source, disk / "workspace")
    runs = [open_run(folder / "runs" / "run") for folder in (disk / "workspace", tmp_path / "expected")]
    assert runs[0].manifest.files == runs[1].manifest.files
    later = {path.name: path.stat().st_mtime_ns for path in (disk / "workspace" / "shards").rglob("*.json")}
    assert shards.items() <= later.items()
    record("disk full when a run begins", tried=1, survived=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory):
    """The files of an undisturbed run, and the phases that its changes to the disk belong to, in order."""
    written = []
    with driver.changes(lambda _, when, key: when == "before" and written.append(key)):
        files = driver.files_of_run(source, tmp_path_factory.mktemp("expected"))
    return files, phases_of(written)


def fill(disk):
    """Leave no room on a disk."""
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(2**12)) == 2**12:
            pass
    assert shutil.disk_usage(disk).free == 0


@pytest.mark.parametrize("phase", PHASES[:-1])  # tidying up only removes files
def test_a_disk_that_gets_full_in_each_phase(disk, source, undisturbed, phase):
    remount(disk, "size=64m")
    workspace, (expected, phases), changed = disk / "workspace", undisturbed, []
    hit = [number for number, pair in enumerate(pairwise(phases), 1) if pair == (phase, phase)]

    def at(number, when, _):
        changed.append(number)
        if (number, when) == (hit[len(hit) // 2], "before"):
            fill(disk)

    with (
        driver.changes(at),
        pytest.raises(EigenwaveError, match=r"cannot be written: .*No space left on device; free some space"),
    ):
        driver.files_of_run(source, workspace)
    assert changed[-1] == hit[len(hit) // 2]  # the next change failed, which is of the same phase
    assert not (workspace / "runs" / "run" / "manifest.json").exists()
    (disk / "filler").unlink()
    assert driver.files_of_run(source, workspace) == expected
    assert not list(workspace.rglob("*.partial"))
    record(f"disk full: {phase}", tried=1, survived=1)


def test_a_disk_that_cannot_be_written_is_refused_before_anything_is_computed(disk):
    remount(disk, "ro")
    with pytest.raises(InputError, match="cannot be used: Read-only file system; choose another with --workspace"):
        Workspace(disk).prepare()
    record("read-only workspace", tried=1, survived=1)
