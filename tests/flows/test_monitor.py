"""eigenwave monitor as a real process: what it prints is there, and gone when it is ended."""

import os
import re
import signal
import socket
import subprocess
import urllib.request

import psutil
import pytest

from flows.monitor import monitoring
from storage.errors import EigenwaveError
from tests.conftest import EIGENWAVE


def answers(address):
    with urllib.request.urlopen(address) as answer:  # noqa: S310
        return answer.read().decode()


pytestmark = pytest.mark.slow


def test_server_and_workers_are_where_it_says_and_end_with_it(tmp_path):
    process = subprocess.Popen(
        [EIGENWAVE, "monitor", "--workers", "1"],
        env=os.environ | {"PREFECT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = "".join(iter(process.stdout.readline, "Press Ctrl-C to stop both.\n"))
        runs, workers = (re.search(rf"^{name} +(\S+)$", told, re.MULTILINE)[1] for name in ("Runs", "Workers"))
        numbers = re.findall(r"http://127\.0\.0\.1:\d+\S*/metrics", told)
        assert "<title>Prefect" in answers(runs)
        assert "Dask" in answers(workers)
        assert all("# HELP" in answers(address) for address in numbers)
        assert len(numbers) == 2
        assert answers(re.search(r"PREFECT_API_URL=(\S+)", told)[1] + "/health") == "true"
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
    left = psutil.wait_procs(started, timeout=5)[1]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]
    for address in (runs, workers, re.search(r"--cluster (\S+)", told)[1]):
        port = int(re.search(r":(\d+)", address.split("//")[1])[1])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_does_not_start_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", "nonsense")
    message = r"The Prefect server did not start \(.+\); run `prefect server start`"
    with pytest.raises(EigenwaveError, match=message), monitoring(1):
        pass
