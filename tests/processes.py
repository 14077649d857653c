"""Processes that tests start and wait for: the command, Prefect's server, Dask's scheduler and workers.

Nothing here waits by a short clock: on a busy machine a server takes minutes to start. Waiting ends when the process
that is waited for has ended; pytest's time-out is the last resort.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from flows.tracking.serve import make_database
from tests.structure import ROOT

EIGENWAVE = str(Path(sys.executable).with_name("eigenwave"))


@contextlib.contextmanager
def serving_prefect(home):
    """A real Prefect server on the loopback interface with its own database; gives its API address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if not (home / "prefect.db").exists():
        make_database(home / "prefect.db")  # its migrations would take as long as many tests
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}/api"
    try:
        wait_for(lambda: _is_healthy(address), server, home / "log")
        yield address, server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _is_healthy(address):
    """Whether a Prefect server is up."""
    try:
        with urllib.request.urlopen(f"{address}/health"):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        pass
    return False


def wait_for(is_there, process, log):
    """Wait until something is there, as long as the process that brings it is alive."""
    while not is_there():
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)


def ask(server, path, body=None):
    """The answer of a Prefect server."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/{path}", content, {"content-type": "application/json"})  # noqa: S310
    for _ in range(20):
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 503:  # its database is busy, and clients come again
                raise
            time.sleep(0.5)
    return pytest.fail(f"the server answers {path} with 503 again and again")


@contextlib.contextmanager
def dask_processes(folder, port, *, workers=1, environment=(), code=""):
    """A scheduler and workers as processes of their own, as a cluster has them; begins when the scheduler listens."""
    address = f"tcp://127.0.0.1:{port}"
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment)
    runner = f"import sys; {code}\nfrom distributed.cli.{{}} import main; main()"
    shared = ["--host", "127.0.0.1", "--no-dashboard"]
    words = [[runner.format("dask_scheduler"), *shared, "--port", str(port)]]
    words += [[runner.format("dask_worker"), address, *shared, "--nthreads", "1", "--no-nanny"]] * workers
    with (folder / "dask.log").open("ab") as log:
        running = [
            subprocess.Popen([sys.executable, "-c", *each], cwd=folder, env=variables, stdout=log, stderr=log)
            for each in words
        ]
    try:
        wait_for(lambda: listens("127.0.0.1", port), running[0], folder / "dask.log")
        yield address, running
    finally:
        for process in running:
            process.kill()
            process.wait()


def printed_document(output):
    """The text of the JSON document that a process prints before it goes on; less if it ends."""
    text = ""
    while not text.endswith("\n}\n") and (line := output.readline()):
        text += line
    return text


def listens(host, port):
    """Whether a process accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def tasks_of(address):
    """How many tasks a scheduler knows."""
    with Client(address, set_as_default=False) as client:
        return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))


def noise(size, shard):
    """What a shard's task computes, where it does not matter what: an array (size,) float32."""
    return np.random.default_rng(shard).standard_normal(size).astype(np.float32)
