"""Start a Prefect server and Dask workers on the loopback interface, to watch runs of this machine in a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from flows.tracking.own_server import OwnServer, own_server
from flows.workers.dashboard import watched_workers
from flows.workers.local_cluster import LOOPBACK, free_port
from flows.workers.scratch import scratch_folder
from storage.stores.private import write_private

SERVER_PORT = 4200


@contextmanager
def monitoring(workers: int | None, tell: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Run both while the block runs; yields instructions for the user.

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
        yield (
            f"Runs      {server.address}\n"
            f"Workers   {dashboard}\n"
            f"Numbers   {server.api}/metrics and {dashboard.removesuffix('status')}metrics, for Prometheus\n"
            f"Password  {server.password} (user and password, which all of them ask for)\n\n"
            "To see runs there, start them in another terminal:\n\n"
            f"    . {quote(str(hand_over))}\n"
            "    eigenwave run SOURCE\n\n"
            "Press Ctrl-C to stop both.\n"
        )


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
    more = {"PREFECT_SERVER_METRICS_ENABLED": "true", "PREFECT_UI_API_URL": f"http://{LOOPBACK}:{port}/api"}
    with own_server(port, whole=True, more=more) as server:
        yield server
