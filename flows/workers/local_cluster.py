"""Dask workers on this machine: one process per core, on the loopback interface, only for clients with their key."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import LocalCluster, Nanny, Security
from distributed.core import Status
from distributed.deploy.cluster import Cluster

from storage.errors import EigenwaveError
from storage.setting_groups import Execution
from tasks.children import ENTRANCE, script_left_alone

LOOPBACK = "127.0.0.1"
STARTS = 5  # attempts to start a worker process that dies at once
LOCAL_CONFIG = {
    # After this time Dask gives up a lost worker and its nanny, even if the nanny is about to start it again.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Dask's pages have no password, and they show file names and call stacks.
    "distributed.worker.http.routes": [],
}
UNSEEN = {"distributed.scheduler.http.routes": [], "distributed.dashboard.link": ""}


class LastingNanny(Nanny):
    """A nanny that also replaces a worker that dies while starting, as when its first task kills it.

    Dask's own nanny treats that as a worker that cannot start, and does not replace it.
    """

    async def instantiate(self) -> Status:
        """Start a worker process, and another one if it dies at once, unless the nanny is closing."""
        for _ in range(STARTS):
            status = await super().instantiate()
            if status != Status.stopped or self.status not in {Status.init, Status.starting, Status.running}:
                break
        return status


@contextmanager
def local_cluster(
    wanted: Execution, security: Security, watched: Callable[..., Cluster] | None = None
) -> Iterator[Cluster]:
    """Start a cluster on this machine's cores, for the duration of the block.

    Parameters
    ----------
    wanted
        Number of workers, and memory that each may take.
    security
        The certificates that clients must have.
    watched
        Makes a cluster with a dashboard; by default the cluster has none.

    Raises
    ------
    EigenwaveError
        If its workers do not start.
    """
    workers = wanted.workers or os.cpu_count() or 1
    options = {
        "n_workers": wanted.fewest_workers or workers,
        "threads_per_worker": 1,
        "memory_limit": wanted.memory_limit or "auto",
        "worker_class": LastingNanny,
        "preload": [ENTRANCE, *dask.config.get("distributed.worker.preload")],
        "host": LOOPBACK,
        "security": security,
        "silence_logs": logging.CRITICAL,  # the terminal shows the progress bars; the log of the run has all messages
    }
    configured, kind = (LOCAL_CONFIG, watched) if watched else (LOCAL_CONFIG | UNSEEN, _unseen)
    # These settings apply until the end of the block, since workers that die are started again.
    with script_left_alone(), dask.config.set(configured), _started(kind, options) as cluster:
        if wanted.fewest_workers:
            cluster.adapt(minimum=wanted.fewest_workers, maximum=workers)
        yield cluster


def _unseen(**options: Any) -> Cluster:  # noqa: ANN401 - as LocalCluster takes them
    return LocalCluster(dashboard_address=f"{LOOPBACK}:0", scheduler_kwargs={"dashboard": False}, **options)


def _started(kind: Callable[..., Cluster], options: dict[str, Any]) -> Cluster:
    try:
        return kind(**options)
    except (RuntimeError, OSError) as error:
        raise EigenwaveError(
            f"Dask's worker processes did not start on this machine ({root_of(error)}); use fewer --workers, or "
            "--cluster inline to do without them."
        ) from None


def free_port(wanted: int) -> int:
    """The wanted port on the loopback interface, or any free port if another process uses it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def root_of(error: BaseException) -> str:
    """Message of the first cause of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())
