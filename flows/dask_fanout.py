"""Fan-out to Dask workers: a cluster of processes on this machine, or a scheduler that runs already."""

import logging
import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from flows.fanout import T, branches, shard_failure
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

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None]) -> T:
        """See `flows.fanout.Fanout`."""
        futures = [self._client.submit(function, shard, pure=False) for shard in shards]
        total = self._tree(futures, range(len(futures)))
        names = {future.key: shard for future, shard in zip(futures, shards, strict=True)}
        waiting = as_completed(futures)
        # Nothing here holds on to the results: workers release them as soon as they are summed.
        del futures
        for future in waiting:
            if future.status != "finished":
                self._client.cancel(total)
                error = future.exception()
                raise _failure(names[future.key], error) from error
            advance()
            del future
        result: T = total.result()
        return result

    def _tree(self, futures: list[Future[Any]], positions: range) -> Future[Any]:
        if len(positions) == 1:
            return futures[positions[0]]
        first, *others = branches(positions)
        total = self._tree(futures, first)
        for branch in others:
            total = self._client.submit(operator.add, total, self._tree(futures, branch), pure=False, priority=1)
        return total


def _failure(shard: int, error: BaseException) -> EigenwaveError:
    if isinstance(error, KilledWorker):
        return EigenwaveError(
            f"Shard {shard} ended its worker process {error.allowed_failures + 1} times, most likely for want of "
            "memory; lower --shard-size, or look at its images, and run again: finished shards are kept."
        )
    return shard_failure(shard, error)


@contextmanager
def open_dask(cluster: str, workers: int | None, memory_limit: int | None = None) -> Iterator[DaskFanout]:
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
            memory_limit=memory_limit or "auto",
            host=LOOPBACK,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as local,
        Client(local, set_as_default=False) as client,
        client.as_current(),
    ):
        yield DaskFanout(client)
