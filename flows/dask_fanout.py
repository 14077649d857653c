"""Fan-out to Dask workers: a cluster of processes on this machine, or a scheduler that runs already."""

import logging
import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from flows.fanout import T, branches, compute
from storage.errors import EigenwaveError, InputError
from tasks.memory import ADDED_AT_ONCE

CONNECT_SECONDS = 10
LOOPBACK = "127.0.0.1"
LOCAL_CONFIG = {
    # Dask looks at what its workers do a hundred times a second, which takes a twentieth of their time.
    "distributed.worker.profile.interval": "100ms",
    # When a worker dies, every task it was given is charged: enough deaths to tell the guilty from their neighbours.
    "distributed.scheduler.allowed-failures": 5,
}


class DaskFanout:
    """One Dask task a shard, and one for each few sums of the tree.

    Parameters
    ----------
    client
        A connected client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None], result_bytes: int) -> T:
        """See `flows.fanout.Fanout`."""
        futures = [self._client.submit(compute, function, shard, pure=False) for shard in shards]
        total = self._tree(futures, range(len(futures)), max(1, ADDED_AT_ONCE // max(1, result_bytes)))
        names = {future.key: shard for future, shard in zip(futures, shards, strict=True)}
        waiting = as_completed(futures)
        # Nothing here holds on to the results: workers release them as soon as they are summed.
        del futures
        for future in waiting:
            if future.status == "error":
                self._client.cancel(total)
                failed = [future, *waiting.next_batch(block=False)]
                suspects = [names[other.key] for other in failed if other.status == "error"]
                raise self._failure(future.exception(), function, suspects)
            advance()
            del future
        result: T = total.result()
        return result

    def _failure(self, error: BaseException, function: Callable[[int], T], suspects: list[int]) -> BaseException:
        """What to tell when tasks failed with this error; the one that ended its worker is found by running each alone.

        A worker that dies is given the next task already, which is charged with its death as well.
        """
        if not isinstance(error, KilledWorker):
            return error
        killers = suspects if len(suspects) == 1 else filter(partial(self._kills, function), suspects)
        shard = next(iter(killers), None)
        if shard is None:
            return EigenwaveError(
                f"Worker processes died again and again while they computed shards {', '.join(map(str, suspects))}, "
                "each of which can be computed alone: most likely memory is short; use fewer --workers and run again."
            )
        return EigenwaveError(
            f"Shard {shard} ended its worker process {error.allowed_failures + 1} times, most likely for want of "
            "memory; lower --shard-size, or look at its images, and run again: finished shards are kept."
        )

    def _kills(self, function: Callable[[int], T], shard: int) -> bool:
        future = self._client.submit(compute, function, shard, pure=False)
        return isinstance(future.exception(), KilledWorker)

    def _tree(self, futures: list[Future[Any]], positions: range, at_once: int) -> Future[Any]:
        if len(positions) == 1:
            return futures[positions[0]]
        total, *others = [self._tree(futures, branch, at_once) for branch in branches(positions)]
        for start in range(0, len(others), at_once):
            # A task costs milliseconds, an addition of small results much less.
            total = self._client.submit(_add, total, *others[start : start + at_once], pure=False, priority=1)
        return total


def _add(*results: T) -> T:
    """The sum from left to right."""
    return reduce(operator.add, results)


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
        dask.config.set(LOCAL_CONFIG),
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
