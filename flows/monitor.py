"""Start a Prefect server and Dask workers on the loopback interface, to watch runs of this machine in a browser."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from flows.workers.client import address_of, open_client
from flows.workers.local_cluster import LOOPBACK, free_port
from storage.errors import EigenwaveError
from storage.settings import Settings

SERVER_PORT = 4200
SERVER_SECONDS = 120
END_SECONDS = 15
PAUSE = 0.2
ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_METRICS_ENABLED": "true",
    # Use the server started here, not one that the user's environment names.
    "PREFECT_API_URL": "",
}


@contextmanager
def monitoring(workers: int | None) -> Iterator[str]:
    """Run both while the block runs; yields instructions for the user.

    Raises
    ------
    EigenwaveError
        If one of them does not start.
    """
    with prefect_server() as server, open_client(Settings(workers=workers)) as client:
        dashboard = client.dashboard_link
        yield (
            f"Runs      {server}\n"
            f"Workers   {dashboard}\n"
            f"Numbers   {server}/api/metrics and {dashboard.removesuffix('status')}metrics, for Prometheus\n\n"
            "To see runs there, start them in another terminal:\n\n"
            f"    export PREFECT_API_URL={server}/api\n"
            f"    eigenwave run SOURCE --cluster {address_of(client)}\n\n"
            "Press Ctrl-C to stop both.\n"
        )


@contextmanager
def prefect_server() -> Iterator[str]:
    """Run a Prefect server while the block runs; yields its address.

    Raises
    ------
    EigenwaveError
        If the server does not start.
    """
    port = free_port(SERVER_PORT)
    address = f"http://{LOOPBACK}:{port}"
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    environment = os.environ | ENVIRONMENT | {"PREFECT_UI_API_URL": f"{address}/api"}
    with tempfile.TemporaryFile() as log:
        # The server has its own session, so that Ctrl-C reaches only this process, which then ends the server.
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        try:
            _wait_for(server, f"{address}/api/health", log)
            yield address
        finally:
            _end(server)


def _wait_for(server: "subprocess.Popen[bytes]", health: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(health):  # noqa: S310 - our own address
            return
        time.sleep(PAUSE)
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines() or ["it printed nothing"]
    raise EigenwaveError(
        f"The Prefect server did not start ({lines[-1].strip()}); run `prefect server start` for details."
    )


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End the server and all processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
