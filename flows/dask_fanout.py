"""Fan-out to Dask workers: a cluster of processes on this machine, or a scheduler that runs already."""

import logging
import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from flows.fanout import T, halves
from storage.errors import EigenwaveError, InputError

CONNECT_SECONDS = 10
LOOPBACK = "127.0.0.1"


class DaskFanout:
    """One Dask task a shard, and one for each sum of the tree.

    Parameters
    ----------
    client
        A connected client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def where(self) -> str:
        """Workers and scheduler."""
        scheduler = self._client.scheduler_info(n_workers=-1)
        workers = len(scheduler["workers"])
        return f"{workers} Dask worker{'s' if workers != 1 else ''} at {scheduler['address']}"

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None]) -> T:
        """See `flows.fanout.Fanout`."""
        submitted = {self._client.submit(function, shard, pure=False, key=None): shard for shard in shards}
        futures = list(submitted)
        total = self._tree(futures, range(len(futures)))
        # The keys stay known for error messages; the results are released as soon as they are summed.
        names = {future.key: shard for future, shard in submitted.items()}
        waiting = as_completed(futures)
        del submitted, futures
        for future in waiting:
            if future.status != "finished":
                self._client.cancel(total)
                raise _failure(names[future.key], future)
            advance()
            del future
        result: T = total.result()
        return result

    def _tree(self, futures: list[Future[Any]], positions: range) -> Future[Any]:
        if len(positions) == 1:
            return futures[positions[0]]
        left, right = halves(positions)
        return self._client.submit(
            operator.add, self._tree(futures, left), self._tree(futures, right), pure=False, priority=1
        )


def _failure(shard: int, future: Future[Any]) -> Exception:
    error = future.exception()
    if isinstance(error, EigenwaveError):
        return error
    if isinstance(error, KilledWorker):
        return EigenwaveError(
            f"Shard {shard} ended its worker process {error.allowed_failures + 1} times, most likely for want of "
            "memory; lower --shard-size, or look at its images, and run again: finished shards are kept."
        )
    failure = EigenwaveError(f"Shard {shard} failed with {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


@contextmanager
def open_dask(cluster: str, workers: int | None) -> Iterator[DaskFanout]:
    """Connect to a scheduler, or start a local cluster that listens on the loopback interface only.

    Raises
    ------
    InputError
        If no scheduler answers at the address.
    """
    if cluster != "local":
        try:
            client = Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False)
        except OSError:
            raise InputError(f"No Dask scheduler answers at {cluster}; start one, or leave --cluster out.") from None
        with client, client.as_current():
            yield DaskFanout(client)
        return
    with (
        LocalCluster(
            n_workers=workers or os.cpu_count(),
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as local,
        Client(local, set_as_default=False) as client,
        client.as_current(),
    ):
        yield DaskFanout(client)
