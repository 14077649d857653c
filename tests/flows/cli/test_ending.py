"""Signals end a command, here one that only sleeps."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from flows.cli.ending import FINISHED, INTERRUPTION

pytestmark = pytest.mark.usefixtures("hangups_end")

COMMAND = """
import subprocess, sys, time
from flows.cli import ending
ending.GRACE_SECONDS = {grace}
with ending.interruptible() as finished:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    {body}
"""
PATIENT = "print(child.pid, flush=True); time.sleep(600)"
STUBBORN = """
    while True:
        try:
            print(child.pid, flush=True)  # here, where a signal does not end it
            time.sleep(600)
        except KeyboardInterrupt:
            pass
"""


def started(body, prefix=(), grace=4):
    command = [*prefix, sys.executable, "-c", COMMAND.format(body=body, grace=grace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, psutil.Process(int(process.stdout.readline()))


def ended(process, child):
    errors = process.communicate(timeout=10)[1]
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    return process.returncode, errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_signal_ends_the_command_in_words_with_what_it_started(number, status):
    process, child = started(PATIENT)
    process.send_signal(number)
    assert ended(process, child) == (status, INTERRUPTION)


def test_once_the_run_is_finished_it_says_so():
    process, child = started(f"finished(); {PATIENT}")
    process.send_signal(signal.SIGINT)
    assert ended(process, child) == (130, FINISHED)


def test_a_command_that_does_not_end_in_order_ends_all_the_same():
    process, child = started(STUBBORN)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process, child) == (143, INTERRUPTION)
    assert time.monotonic() - start > 3


def test_a_second_signal_ends_it_at_once():
    process, child = started(STUBBORN, grace=600)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert ended(process, child) == (143, INTERRUPTION)


def test_what_the_caller_ignores_stays_ignored():
    process, child = started(PATIENT, ["nohup"])
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert ended(process, child)[0] == 143
