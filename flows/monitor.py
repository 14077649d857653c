"""Start a Prefect server and Dask workers on the loopback interface, to watch runs of this machine in a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from flows.tracking.own_server import OwnServer, own_server
from flows.workers.dashboard import watched_workers
from flows.workers.local_cluster import LOOPBACK, free_port
from flows.workers.scratch import scratch_folder
from storage.stores.private import write_private

SERVER_PORT = 4200
# What the server removes by itself, every hour: runs with their logs and artifacts after 90 days, events after a week.
RETENTION = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
}


class Monitoring(NamedTuple):
    """Addresses of a Prefect server and of Dask workers.

    Attributes
    ----------
    runs, workers
        Pages about runs and about workers.
    metrics
        Addresses of numbers for Prometheus.
    password
        User and password that all of them ask for, with a colon between.
    environment
        File for a shell, after which a run finds both.
    """

    runs: str
    workers: str
    metrics: list[str]
    password: str
    environment: str


@contextmanager
def monitoring(workers: int | None, tell: Callable[[str], None] = lambda _: None) -> Iterator[Monitoring]:
    """Run both while the block runs; yields where they are.

    Both ask for a password that is made for this block. Runs find it, and the certificates of the workers, in files
    that only this user can read, and that go with this process.

    Parameters
    ----------
    workers
        Number of worker processes; by default one per core.
    tell
        Function called with a sentence on what the command waits for.

    Raises
    ------
    EigenwaveError
        If one of them does not start.
    """
    with (
        scratch_folder() as folder,
        prefect_server() as server,
        watched_workers(workers, server.password, folder) as (scheduler, dashboard),
    ):
        server.wait(tell)
        hand_over = _handed_over(folder, server, scheduler)
        metrics = [f"{server.api}/metrics", f"{dashboard.removesuffix('status')}metrics"]
        yield Monitoring(server.address, dashboard, metrics, server.password, str(hand_over))


def _handed_over(folder: Path, server: OwnServer, scheduler: str) -> Path:
    """A file for a shell, with all that a run must know."""
    variables = {
        "PREFECT_API_URL": server.api,
        "PREFECT_API_AUTH_STRING": server.password,
        "EIGENWAVE_CLUSTER": scheduler,
        "EIGENWAVE_TLS": str(folder),
    }
    path = folder / "environment"
    write_private(path, "".join(f"export {name}={quote(value)}\n" for name, value in variables.items()))
    return path


@contextmanager
def prefect_server() -> Iterator[OwnServer]:
    """A Prefect server with pages and numbers, for the time of the block; it may still be starting."""
    port = free_port(SERVER_PORT)
    shown = {"PREFECT_SERVER_METRICS_ENABLED": "true", "PREFECT_UI_API_URL": f"http://{LOOPBACK}:{port}/api"}
    with own_server(port, whole=True, more=shown | RETENTION) as server:
        yield server
