"""Fan-out to Dask workers: one task per shard, and one per group of additions in the tree."""

import operator
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial, reduce
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import NoWorkerError

from flows.workers.client import address_of
from flows.workers.fanout import T, branches, compute
from storage.errors import ClusterLostError, EigenwaveError
from tasks.planning.memory import ADDED_AT_ONCE
from tasks.run.worker import installed_code

ROUNDS = 3  # attempts at a stage whose workers die although no shard is the cause


class DaskFanout:
    """Compute one Dask task per shard, and one per group of additions in the tree.

    Parameters
    ----------
    client
        A connected client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._address = address_of(client)
        self._compute = partial(_compute_alike, installed_code())

    @property
    def dashboard(self) -> str | None:
        """Address of Dask's dashboard, if there is one."""
        return self._client.dashboard_link or None

    @property
    def worker_memory(self) -> int | None:
        """Memory in bytes that a task may use on the smallest worker; None if no worker has a limit."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        shares = [worker["memory_limit"] // worker["nthreads"] for worker in workers if worker["memory_limit"]]
        return min(shares, default=None)

    def check(self, complaint: Callable[[], str | None]) -> None:
        """See `flows.workers.fanout.Fanout`."""
        with self._loss_explained():
            found = {f"The worker {name}": it for name, it in self._client.run(complaint, on_error="return").items()}
            found[f"The scheduler {self._address}"] = self._ask_scheduler()
        for process, answer in found.items():
            if isinstance(answer, BaseException):
                raise EigenwaveError(
                    f"{process} has another eigenwave, or none ({answer}); install the same version everywhere."
                )
            if answer:  # the predicate of a sentence, such as "runs other code"
                raise EigenwaveError(f"{process} {answer}.")

    def _ask_scheduler(self) -> str | Exception | None:
        try:
            answer: str | None = self._client.run_on_scheduler(_scheduler_complaint, installed_code())
        except (ImportError, AttributeError) as error:
            return error
        return answer

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None], result_bytes: int) -> T:
        """See `flows.workers.fanout.Fanout`."""
        counted: set[int] = set()

        def count(shard: int) -> None:
            if shard not in counted:
                counted.add(shard)
                advance()

        with self._loss_explained():
            for _ in range(ROUNDS):
                try:
                    return self._sum(function, shards, count, result_bytes)
                except _DeathsError as deaths:
                    self._require_innocent(function, deaths)
        raise EigenwaveError(
            "Worker processes died several times during a stage, although each shard can be computed alone. "
            "Most likely memory is short; use fewer --workers and run again: finished shards are kept."
        )

    def _sum(self, function: Callable[[int], T], shards: range, count: Callable[[int], None], result_bytes: int) -> T:
        # All shards are submitted at once, since each message to the scheduler takes time from the workers beside it.
        name = getattr(getattr(function, "func", function), "__name__", "shard")  # what the dashboard shows
        futures = self._client.map(partial(self._compute, function), shards, key=name, pure=False)
        total = self._tree(futures, range(len(futures)), max(1, ADDED_AT_ONCE // max(1, result_bytes)))
        names = {future.key: shard for future, shard in zip(futures, shards, strict=True)}
        waiting = as_completed(futures)
        # This process keeps no references to the results, so workers release each as soon as it is added.
        del futures
        for future in waiting:
            if future.status == "error":
                failed = [future, *waiting.next_batch(block=False)]
                error, suspects = future.exception(), [names[other.key] for other in failed if other.status == "error"]
                self._client.cancel(total)  # of one shard the total is its own future, which forgets its error now
                if isinstance(error, KilledWorker):
                    raise _DeathsError(suspects, error)
                raise error
            if future.status == "cancelled":
                raise FutureCancelledError(future.key, "scheduler lost")
            count(names[future.key])
            del future
        try:
            result: T = total.result()
        except KilledWorker as error:
            # Dask computes a result again if it was lost with its worker, and that may kill further workers.
            raise _DeathsError([names[error.task]] if error.task in names else [], error) from None
        return result

    @contextmanager
    def _loss_explained(self) -> Iterator[None]:
        """Convert Dask's errors of a lost scheduler or lost workers to ClusterLostError: another attempt can help."""
        try:
            yield
        except (CancelledError, ClosedClientError, NoWorkerError, CommClosedError) as error:
            raise ClusterLostError(
                f"The Dask cluster at {self._address} was lost in the middle of a stage ({str(error).strip()}); "
                "run again when it is back: finished shards are kept."
            ) from None

    def _require_innocent(self, function: Callable[[int], T], deaths: "_DeathsError") -> None:
        """Raise an error that names the shard that killed its workers; return if each can be computed alone.

        Dask counts a worker's death against every task it had, also against those that were only queued there. So the
        suspects may all be innocent, for example if somebody killed the workers.
        """
        for shard in deaths.suspects:
            if self._kills(function, shard):
                raise EigenwaveError(
                    f"Shard {shard} ended its worker process {deaths.allowed + 1} times, most likely for lack of "
                    "memory; lower --shard-size, or check its images, and run again: finished shards are kept."
                )

    def _kills(self, function: Callable[[int], T], shard: int) -> bool:
        future = self._client.submit(self._compute, function, shard, pure=False)
        return isinstance(future.exception(), KilledWorker)

    def _tree(self, futures: list[Future[Any]], positions: range, at_once: int) -> Future[Any]:
        if len(positions) == 1:
            return futures[positions[0]]
        total, *others = [self._tree(futures, branch, at_once) for branch in branches(positions)]
        for start in range(0, len(others), at_once):
            # Several small results are added in one task: a task costs milliseconds, such an addition much less.
            total = self._client.submit(_add, total, *others[start : start + at_once], pure=False, priority=1)
        return total


class _DeathsError(Exception):
    """Workers died more often than allowed while these shards were assigned to them."""

    def __init__(self, suspects: list[int], error: KilledWorker) -> None:
        super().__init__(suspects)
        self.suspects, self.allowed = suspects, error.allowed_failures


def _add(*results: T) -> T:
    """Sum of the results from left to right."""
    return reduce(operator.add, results)


def _compute_alike(code: str, function: Callable[[int], T], shard: int) -> T:
    """Compute a shard after checking this worker's code, since the worker may have joined after the others' check."""
    if installed_code() != code:
        raise EigenwaveError(f"A worker that joined late runs other code ({installed_code()}) than the run ({code}).")
    return compute(function, shard)


def _scheduler_complaint(code: str) -> str | None:
    return None if installed_code() == code else f"runs other code ({installed_code()}) than this process ({code})"
