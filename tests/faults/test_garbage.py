"""Repeated gc while runs write, are killed and continue: it removes nothing that a run needs."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flows.cli import upkeep as command_upkeep
from storage.errors import EigenwaveError, InputError
from storage.runs.garbage import garbage
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.lease import ObjectLease
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record

STEP = 32  # changes to the disk before a run is ended; it continues with what it has
GC_IN_A_LOOP = """
import sys, time
from datetime import timedelta
from storage.errors import InputError
from storage.runs.garbage import collect, garbage
from storage.runs.workspace import Workspace
workspace = Workspace(sys.argv[1])
print("ready", flush=True)
while True:
    try:
        with workspace.lock() as lease:
            entries = garbage(workspace, timedelta(0))
            lease.require()
            collect(workspace, entries)
            print("swept", len(entries), flush=True)
    except InputError as error:
        print("refused" if "is in use by" in str(error) else error, flush=True)
    time.sleep(0.005)
"""


def patiently(source, folder):
    """A run whose user tries again when gc has the workspace just then."""
    for _ in range(1000):
        try:
            return driver.analyse(source, folder)
        except InputError as error:
            assert "is in use by" in str(error)  # noqa: PT017 - of several errors this one
            time.sleep(0.01)
    return pytest.fail("gc never let go of the workspace")


def end_unless_sealing(key):
    """End a run, but not while it is sealed: then it may be finished, and `latest` names the run before it too."""
    if not key.endswith(("latest", "manifest.copy.json", "manifest.json")):
        driver.end_softly(key)


@pytest.mark.slow
def test_gc_in_a_loop_removes_nothing_that_runs_need(tmp_path):
    source, folder = smooth_images(tmp_path / "data", shape=(8, 8), count=40), tmp_path / "workspace"
    Workspace(folder).prepare()
    driver.analyse(source, tmp_path / "expected")
    loop = [sys.executable, "-c", GC_IN_A_LOOP, folder]
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    with subprocess.Popen(loop, env=environment, stdout=subprocess.PIPE, text=True) as sweeper:
        assert sweeper.stdout.readline() == "ready\n"
        kills = 0
        while not Workspace(folder).latest_exists:
            with suppress(driver.Ended), driver.changes(driver.ending(STEP, "after", end_unless_sealing)):
                patiently(source, folder)
            kills += 1
            assert sweeper.stdout.readline()
        time.sleep(0.1)
        sweeper.kill()
        told = sweeper.stdout.read().split("\n")
    assert kills >= 4
    assert {"refused"} < {line.split(" ")[0] for line in told} <= {"refused", "swept", ""}
    assert list(verify(Workspace(folder), Workspace(folder).find("latest"))) == []
    assert driver.swept(folder) == driver.contents(tmp_path / "expected")
    record("gc while runs write", tried=kills, survived=kills)


def test_gc_that_stalled_and_lost_its_lock_removes_nothing(s3_server, monkeypatch, tmp_path):
    """What it found not to be needed may be so since."""
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    address = f"{s3_server[0]}/{tmp_path.name}-gc"
    workspace = Workspace(address)
    workspace.prepare()
    stray = workspace.chunk("0" * 32)
    stray.store.write(stray.key, [b"to be needed by the other"])

    def stalled(*words):
        found = garbage(*words)
        monkeypatch.setattr("storage.stores.lease.PATIENCE_SECONDS", 0)
        monkeypatch.setattr("storage.stores.lease.State.alive", property(lambda _: False))
        other = ObjectLease(stray.store._objects, "lock", address)  # noqa: SLF001
        other._ended.set()  # noqa: SLF001
        return found

    monkeypatch.setattr("storage.runs.garbage.garbage", stalled)
    with pytest.raises(EigenwaveError, match="was taken over by process"):
        command_upkeep.gc(workspace=address, grace=0)
    assert stray.exists()
    record("gc that lost its lock", tried=1, survived=1)
