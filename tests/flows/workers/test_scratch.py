import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.workers.scratch import scratch_folder

STARTER = """
import sys, time
from flows.workers.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "worker").mkdir()
    (folder / "worker" / "file").touch()
    print(folder, flush=True)
    time.sleep(600)
"""


def test_it_is_private_and_goes_with_the_block():
    with scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.mark.usefixtures("hangups_end")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_it_goes_with_a_process_that_is_killed(number):
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        folder = Path(starter.stdout.readline().strip())
        assert folder.exists()
        starter.send_signal(number)
    deadline = time.monotonic() + 5
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
