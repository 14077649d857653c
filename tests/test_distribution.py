import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_wheel_holds_every_module(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("eigenwave-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("flows", "tasks", "storage"):
        expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert expected <= names
        assert f"{package}/py.typed" in names
    assert {f"tasks/report/templates/report.{kind}" for kind in ("html", "css", "js")} <= names
    assert not any(name.startswith("tests") for name in names)


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
