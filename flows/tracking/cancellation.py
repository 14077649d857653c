"""Stop a run that is cancelled in Prefect, also if no Prefect worker started it.

A Prefect worker kills the process of a cancelled run. A run that was started by hand has no such worker, so it reads
its own state from Prefect every few seconds.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Cancelled

from flows.tracking.session import SIGTERM_HANDLER
from storage.errors import EigenwaveError

LOOK_SECONDS = 2.0
SIGNAL = signal.SIGUSR2
CANCELLED_MESSAGE = "The run was cancelled in Prefect; the same command continues it, finished work is kept."

P = ParamSpec("P")
T = TypeVar("T")


class RunCancelled(BaseException):
    """Raised in the main thread. It is not an Exception, so that no handler on the way catches it."""


def cancellable(function: Callable[P, T]) -> Callable[P, T]:
    """Make a flow's function end as cancelled soon after its run is cancelled in Prefect."""

    @wraps(function)
    def watched(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with _watched():
                return function(*args, **kwargs)
        except RunCancelled:
            return cast("T", Cancelled(message=CANCELLED_MESSAGE, data=EigenwaveError(CANCELLED_MESSAGE)))

    return watched


@contextmanager
def _watched() -> Iterator[None]:
    under_a_worker = "PREFECT__FLOW_RUN_ID" in os.environ
    if under_a_worker or threading.current_thread() is not threading.main_thread():
        yield
        return
    before, ended = {SIGNAL: signal.signal(SIGNAL, _stop)}, threading.Event()
    # Prefect's own way to end on SIGTERM waits for minutes if its server is gone or workers do not answer.
    if callable(SIGTERM_HANDLER.get()):
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, SIGTERM_HANDLER.get())
    # This is the client of the flow. Another one could make Prefect start a second temporary server.
    with get_client(sync_client=True) as client:
        run = UUID(runtime.flow_run.id)
        watcher = threading.Thread(target=_watch, args=(client, run, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            for number, handler in before.items():
                signal.signal(number, handler)


def _watch(client: SyncPrefectClient, run: UUID, ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        if _is_cancelled(client, run):
            # The signal goes to the main thread itself: if it waits for a lock, it would not notice otherwise.
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
            return


def _is_cancelled(client: SyncPrefectClient, run: UUID) -> bool:
    try:
        state = client.read_flow_run(run).state
    except Exception:  # noqa: BLE001 - a server that is away for a while is no reason to stop
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())


def _stop(*_: object) -> None:
    raise RunCancelled(CANCELLED_MESSAGE)
