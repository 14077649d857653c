"""The Dask cluster that the settings name: started here, run elsewhere, or started by a class such as SLURMCluster.

Dask runs any code that a client sends. So a cluster that is started here accepts only clients that have its key. A
cluster that other machines can reach must use TLS, unless the settings allow otherwise.
"""

import importlib
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import dask
from distributed import Client, Security
from distributed.deploy.cluster import Cluster

from flows.workers.certificates import new_security, read_security
from flows.workers.local_cluster import local_cluster, root_of
from flows.workers.scratch import scratch_folder
from storage.credentials import from_environment
from storage.errors import ClusterLostError, InputError
from storage.setting_groups import Execution
from storage.settings import Settings

CONNECT_SECONDS = 10
FIRST_WORKER_SECONDS = 60
CONFIG = {
    # By default Dask profiles its workers a hundred times a second, which takes a twentieth of their time.
    "distributed.worker.profile.interval": "100ms",
    # By default Dask checks each event loop fifty times a second, which takes a hundredth of the time.
    "distributed.admin.tick.interval": "200ms",
    # When a worker dies, Dask counts a failure of every task it had. Several deaths separate the cause from the others.
    "distributed.scheduler.allowed-failures": 5,
    # Without a limit, a run whose workers never come back would wait for ever.
    "distributed.scheduler.no-workers-timeout": "10 minutes",
}


@contextmanager
def open_client(settings: Settings) -> Iterator[Client]:
    """Open a client of the cluster that the settings name, for the duration of the block.

    Raises
    ------
    InputError
        If the cluster does not start or answer, or would be open to others.
    ClusterLostError
        If it has no workers.
    """
    wanted = settings.execution
    with cluster_settings():
        if wanted.cluster in {"auto", "local"}:
            with local_cluster(wanted, new_security()) as cluster, _connected(cluster, None) as client:
                yield client
        elif "://" in wanted.cluster:
            security = read_security(wanted.tls)
            require_safe(wanted.cluster, allow=wanted.allow_unencrypted)
            with _connected(wanted.cluster, security) as client:
                _wait_for_worker(client)
                yield client
        else:
            with _started(wanted) as cluster, _connected(cluster, None) as client:
                yield client


@contextmanager
def cluster_settings() -> Iterator[None]:
    """Set Dask's configuration for a cluster and its client, for the duration of the block."""
    # Dask puts its temporary folder first in Python's import path, so no other user may write there.
    with scratch_folder() as folder, dask.config.set(CONFIG | {"temporary-directory": str(folder)}):
        yield


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
        f"The Dask scheduler at {address} is not encrypted and would run code from anybody in its network: start it "
        "with TLS and give a tls:// address and --tls, or accept that with --allow-unencrypted."
    )


@contextmanager
def _connected(cluster: str | Cluster, security: Security | None) -> Iterator[Client]:
    try:
        client = Client(cluster, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TypeError) as error:
        # Dask raises a TypeError if certificates are missing.
        raise InputError(
            f"No Dask scheduler answers at {cluster} ({root_of(error)}); start one, check --tls, or "
            "leave --cluster out."
        ) from None
    with client, client.as_current():
        yield client


@contextmanager
def _started(wanted: Execution) -> Iterator[Cluster]:
    """A cluster of the class that the settings name."""
    name = wanted.cluster
    module, _, attribute = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"The cluster class {name} cannot be imported: {error}; install its package.") from None
    if not (isinstance(kind, type) and issubclass(kind, Cluster)):
        raise InputError(f"{name} is not a Dask cluster class; give one such as dask_jobqueue.SLURMCluster.")
    options = from_environment(wanted.cluster_options)
    if wanted.tls:
        options["security"] = read_security(wanted.tls)
    try:
        cluster = kind(**options)
    except Exception as error:  # noqa: BLE001 - each class has errors of its own
        raise InputError(f"The cluster {name} did not start: {root_of(error)}; check --cluster-options.") from None
    with cluster:
        require_safe(cluster.scheduler_address, allow=wanted.allow_unencrypted)
        _adapt(cluster, wanted)
        yield cluster


def _adapt(cluster: Cluster, wanted: Execution) -> None:
    if wanted.fewest_workers:
        cluster.adapt(minimum=wanted.fewest_workers, maximum=wanted.workers)
    elif wanted.workers:
        cluster.scale(wanted.workers)


def _wait_for_worker(client: Client) -> None:
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
    except TimeoutError:
        raise ClusterLostError(
            f"The Dask scheduler at {address_of(client)} had no worker for {FIRST_WORKER_SECONDS} seconds; "
            "start workers and run again."
        ) from None


def address_of(client: Client) -> str:
    """Address of the client's scheduler."""
    return str(client.scheduler_info(n_workers=0)["address"])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
