import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from mypy.modulefinder import FindModuleCache, SearchPaths
from mypy.options import Options
from setuptools import find_packages

from tests.structure import ROOT, files


def test_the_wheel_holds_every_module(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("eigenwave-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {path.relative_to(ROOT).as_posix() for path in files(ROOT)}
    assert expected <= names
    assert {f"{package}/py.typed" for package in {name.split("/")[0] for name in expected}} <= names
    assert "storage/formats/digits.npz" in names
    assert {f"tasks/report/templates/report.{kind}" for kind in ("html", "css", "js")} <= names
    assert {f"flows/explorer/page/explorer.{kind}" for kind in ("html", "css", "js")} <= names
    assert not any(name.startswith("tests") for name in names)


def test_every_room_is_a_package_of_the_distribution(tmp_path):
    """As setuptools finds them: with the words of pyproject.toml, here and in a made-up tree with a deeper room."""
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in files(ROOT)}
    assert rooms == set(find_packages(str(ROOT), **find))
    for folder in ("tasks", "tasks/room", "tasks/room/deeper", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    assert set(find_packages(str(tmp_path), **find)) == {"tasks", "tasks.room", "tasks.room.deeper"}


def test_mypy_checks_every_module():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    finder = FindModuleCache(SearchPaths((str(ROOT),), (), (), ()), None, Options())
    checked = {source.path for package in packages for source in finder.find_modules_recursive(package)}
    assert {str(path) for path in files(ROOT)} <= checked


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_are_hashed_and_name_no_index(name):
    lock = (ROOT / name).read_text()
    pinned = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock, flags=re.MULTILINE)
    assert "prefect" in pinned
    assert len(re.findall(r"^[a-z0-9].*==.* \\\n +--hash=sha256:", lock, flags=re.MULTILINE)) == len(pinned)
    assert "://" not in lock


def test_the_licences_of_all_packages_are_listed():
    listed = re.findall(
        r"^\| ([a-z0-9._-]+) (\S+) \| .+ \|$", (ROOT / "docs" / "licences.md").read_text(), re.MULTILINE
    )
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", lock, flags=re.MULTILINE))
    assert set(listed) <= pinned
    # Packages for other platforms are not installed, and say nothing of themselves.
    unlisted = {name for name, _ in pinned} - {name for name, _ in listed}
    others = re.findall(r"^([a-z0-9][a-z0-9._-]*)==\S+ ; ", lock, flags=re.MULTILINE)
    assert unlisted <= set(others)
