"""An object store has one writer at a time, also if processes die, stop or wake late."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import EigenwaveError, InputError
from storage.runs.workspace import Workspace
from storage.stores import lease as module
from tests.faults.table import record

OWNER = """
import sys, time
from storage.stores import lease
from storage.errors import EigenwaveError
from storage.runs.workspace import Workspace
lease.BEAT_SECONDS = 0.1
if sys.argv[2] == "elsewhere":
    lease._machine = lambda: "another machine"
with Workspace(sys.argv[1]).lock() as held:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        held.require()
        print("still held", flush=True)
    except EigenwaveError as error:
        print(error, flush=True)
"""


@pytest.fixture(params=["s3_server", "gcs_server", "azure_server"])
def shared(request, monkeypatch, tmp_path):
    server, environment = request.getfixturevalue(request.param)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1.0)
    return f"{server}/{tmp_path.name}-{os.getpid()}"


@pytest.fixture
def start(shared):
    owners = []

    def begin(where):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
        command = [sys.executable, "-c", OWNER, shared, where]
        owner = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        owners.append(owner)
        assert owner.stdout.readline() == "held\n"
        return owner

    yield begin
    for owner in owners:
        owner.kill()
        owner.communicate()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_the_second_writer_is_refused_and_the_owner_named(shared, start, where):
    owner = start(where)
    with pytest.raises(InputError, match=f"is in use by process {owner.pid} on "), Workspace(shared).lock():
        pass
    record(f"two runs at once, the first {where}", tried=1, survived=1)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_the_lock_of_a_dead_owner_is_taken_over(shared, start, where):
    owner = start(where)
    owner.kill()
    owner.wait()
    with Workspace(shared).lock() as lease:
        lease.require()
    record(f"owner of the lock killed {where}", tried=1, survived=1)


def test_an_owner_that_stops_and_wakes_late_may_not_commit(shared, start):
    owner = start("elsewhere")
    owner.send_signal(signal.SIGSTOP)
    with Workspace(shared).lock() as lease:
        owner.send_signal(signal.SIGCONT)
        owner.stdin.write("\n")
        assert f"was taken over by process {os.getpid()}" in owner.stdout.readline()
        lease.require()
    record("writer stalled, and late", tried=1, survived=1)


def test_the_owner_is_left_alone_while_it_shows_signs_of_life(shared, start):
    owner = start("elsewhere")
    for _ in range(3):
        with pytest.raises(InputError, match="is in use"), Workspace(shared).lock():
            pass
    owner.stdin.write("\n")
    assert owner.stdout.readline() == "still held\n"
    assert owner.wait() == 0
    with Workspace(shared).lock():
        pass
    with pytest.raises(EigenwaveError), Workspace(shared).lock(), Workspace(shared).lock():
        pass
