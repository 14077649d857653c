"""The Dask cluster that the settings name: started here, run elsewhere, or started by a class such as SLURMCluster.

Dask itself listens on every interface and believes whoever connects. Here a cluster that other machines can reach must
speak TLS, unless the settings allow otherwise in so many words.
"""

import importlib
import ipaddress
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import dask
from distributed import Client, LocalCluster, Nanny, Security
from distributed.core import Status
from distributed.deploy.cluster import Cluster

from storage.credentials import from_environment
from storage.errors import ClusterLostError, InputError
from storage.settings import Settings

CONNECT_SECONDS = 10
FIRST_WORKER_SECONDS = 60
STARTS = 5  # of a worker process that dies as soon as it is there
LOOPBACK = "127.0.0.1"
DASHBOARD_PORT = 8787
TLS_FILES = ("ca.crt", "tls.crt", "tls.key")  # as Kubernetes mounts them from a secret
CONFIG = {
    # Dask tells its workers' allocator to give memory back at once: each task would then wait for fresh pages, one by
    # one. What they keep instead is what any process keeps, and in the projection.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # Dask looks at what its workers do a hundred times a second, which takes a twentieth of their time.
    "distributed.worker.profile.interval": "100ms",
    # And it asks each process fifty times a second whether it still answers, which takes a hundredth.
    "distributed.admin.tick.interval": "200ms",
    # When a worker dies, every task it was given is charged: enough deaths to tell the guilty from their neighbours.
    "distributed.scheduler.allowed-failures": 5,
    # A run whose workers are gone for good must not wait for ever.
    "distributed.scheduler.no-workers-timeout": "10 minutes",
}
# A worker that has not come back by then is given up with its nanny, even if that is about to start it once more.
LOCAL_CONFIG = {"distributed.deploy.lost-worker-timeout": "10 minutes"}


class LastingNanny(Nanny):
    """One that replaces a worker even if it dies in its first moments, as it does when its first task ends it.

    Dask takes that for a worker that cannot start, and leaves its place empty.
    """

    async def instantiate(self) -> Status:
        """Start a worker process; another if it dies at once, unless that is wanted."""
        for _ in range(STARTS):
            status = await super().instantiate()
            if status != Status.stopped or self.status not in {Status.init, Status.starting, Status.running}:
                break
        return status


@contextmanager
def open_client(settings: Settings) -> Iterator[Client]:
    """A client of the cluster that the settings name, for the time of the block.

    Raises
    ------
    InputError
        If the cluster cannot be had, or would be open to others.
    ClusterLostError
        If it has no workers.
    """
    with dask.config.set(CONFIG):
        if settings.cluster == "local":
            with dask.config.set(LOCAL_CONFIG), _local(settings) as cluster, _connected(cluster, None) as client:
                yield client
        elif "://" in settings.cluster:
            security = tls_security(settings.tls)
            require_safe(settings.cluster, allow=settings.allow_unencrypted)
            with _connected(settings.cluster, security) as client:
                _wait_for_worker(client)
                yield client
        else:
            with _started(settings) as cluster, _connected(cluster, None) as client:
                yield client


def require_safe(address: str, *, allow: bool) -> None:
    """Refuse an address that others can reach and that is not encrypted.

    Raises
    ------
    InputError
        If it is such an address.
    """
    parts = urlsplit(address)
    if allow or parts.scheme in {"tls", "inproc"} or _is_loopback(parts.hostname or ""):
        return
    raise InputError(
        f"The Dask scheduler at {address} would run whatever anybody in its network sends it, unencrypted: start it "
        "with TLS and give a tls:// address and --tls, or accept that with --allow-unencrypted."
    )


def tls_security(folder: Path | None) -> Security:
    """Certificates from a folder; without one, those that Dask's own configuration names.

    Raises
    ------
    InputError
        If a file is missing.
    """
    if folder is None:
        return Security()
    missing = [name for name in TLS_FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The folder {folder} (--tls) has no {' and no '.join(missing)}.")
    authority, certificate, key = (str(folder / name) for name in TLS_FILES)
    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        **{f"tls_{role}_cert": certificate for role in ("client", "scheduler", "worker")},
        **{f"tls_{role}_key": key for role in ("client", "scheduler", "worker")},
    )


@contextmanager
def _connected(cluster: str | Cluster, security: Security | None) -> Iterator[Client]:
    try:
        client = Client(cluster, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TypeError) as error:
        # Dask tells missing certificates by a TypeError.
        raise InputError(
            f"No Dask scheduler answers at {cluster} ({_root_of(error)}); start one, look at --tls, or "
            "leave --cluster out."
        ) from None
    with client, client.as_current():
        yield client


def _local(settings: Settings) -> Cluster:
    """A process a core, reached through the loopback interface only."""
    workers = settings.workers or os.cpu_count() or 1
    cluster = LocalCluster(
        n_workers=settings.fewest_workers or workers,
        threads_per_worker=1,
        memory_limit=settings.memory_limit or "auto",
        worker_class=LastingNanny,
        host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:{free_port(DASHBOARD_PORT)}",
        silence_logs=logging.ERROR,
    )
    _adapt(cluster, settings, workers)
    return cluster


@contextmanager
def _started(settings: Settings) -> Iterator[Cluster]:
    """A cluster of the class that the settings name."""
    name = settings.cluster
    module, _, attribute = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"The cluster class {name} cannot be imported: {error}; install what brings it.") from None
    if not (isinstance(kind, type) and issubclass(kind, Cluster)):
        raise InputError(f"{name} is no Dask cluster class; give one such as dask_jobqueue.SLURMCluster.")
    options = from_environment(settings.cluster_options)
    if settings.tls:
        options["security"] = tls_security(settings.tls)
    try:
        cluster = kind(**options)
    except Exception as error:  # noqa: BLE001 - each class has errors of its own
        raise InputError(f"The cluster {name} did not start: {_root_of(error)}; look at --cluster-options.") from None
    with cluster:
        require_safe(cluster.scheduler_address, allow=settings.allow_unencrypted)
        _adapt(cluster, settings, settings.workers)
        yield cluster


def _adapt(cluster: Cluster, settings: Settings, workers: int | None) -> None:
    if settings.fewest_workers:
        cluster.adapt(minimum=settings.fewest_workers, maximum=workers)
    elif settings.cluster != "local" and workers:
        cluster.scale(workers)


def _wait_for_worker(client: Client) -> None:
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
    except TimeoutError:
        raise ClusterLostError(
            f"The Dask scheduler at {address_of(client)} had no worker for {FIRST_WORKER_SECONDS} seconds; "
            "start workers and run again."
        ) from None


def free_port(wanted: int) -> int:
    """The wanted port on the loopback interface, or any that is free if another process has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def address_of(client: Client) -> str:
    """Address of the client's scheduler."""
    return str(client.scheduler_info(n_workers=0)["address"])


def _root_of(error: BaseException) -> str:
    """The first cause of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
