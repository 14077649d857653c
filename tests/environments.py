"""Python environments for tests of the installation, without fetching again what the tests' own environment has.

Each package is linked file by file if it is here in the version that the lock pins: pip would unpack the same files.
pip installs the others afterwards. That pip installs the whole lock is shown by `make install`, before any test runs.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import cache_from_source

import pytest
from packaging.requirements import Requirement

from tests.structure import ROOT

PINS = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def pinned(lock):
    """The version of each package of a lock, by name."""
    return dict(PINS.findall((ROOT / lock).read_text()))


def make_environment(python, folder, pins):
    """A new environment, still without pip, with what there is here of the pinned packages, and with nothing else."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    add_packages(folder, pins)


def add_packages(folder, pins):
    """Link the pinned packages into an environment that are here in these versions and fit its Python."""
    (place,) = folder.glob("lib/python*/site-packages")
    same = place.parent.name == f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name, version in pins.items():
        with suppress(PackageNotFoundError):
            found = distribution(name)
            if found.version == version and (same or "-none-any" in found.read_text("WHEEL")):
                _link(found, place, compiled=same)


def _link(package, place, *, compiled):
    """Link a package's files, but not its commands, which name the Python that they belong to."""
    origin = package.locate_file("")
    names = [name for name, *_ in csv.reader(package.read_text("RECORD").splitlines())]
    names = [name for name in names if not name.startswith("..") and not name.endswith(".pyc")]
    if compiled:
        caches = [cache_from_source(name) for name in names if name.endswith(".py")]
        names += [name for name in caches if (origin / name).exists()]
    for folder in {name.rpartition("/")[0] for name in names}:
        (place / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            os.link(f"{origin}/{name}", f"{place}/{name}")
        except FileExistsError:  # linked before
            continue
        except OSError:  # on another disk
            shutil.copy2(f"{origin}/{name}", f"{place}/{name}")


def needed_by(name):
    """Names of a package and of all that it needs here."""
    found, waiting = set(), [name]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            needs = [Requirement(line) for line in distribution(name).requires or []]
            waiting += [each.name for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def newest(folder, *packages):
    """Python of a new environment with packages in today's newest versions; skips the test if there is no index."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    probe = [*pip, "--dry-run", "--ignore-installed", "--no-deps", "--retries", "1", "packaging"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("untested with today's versions: pip reaches no package index")
    done = subprocess.run([*pip, "--no-compile", *packages], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return python
