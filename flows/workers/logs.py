"""Events of the workers for the log of the run: their warnings, and when they join and leave."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client
from distributed.client import ClosedClientError
from distributed.diagnostics.plugin import ForwardLoggingPlugin

from storage.printable import printable

Event = tuple[float, Mapping[str, Any]]


@contextmanager
def relayed(client: Client, tell: Callable[[int, str], None]) -> Iterator[None]:
    """Pass level and text of the workers' log records to `tell`, for the duration of the block.

    Parameters
    ----------
    client
        A connected client.
    tell
        Called in another thread.
    """
    topic = f"eigenwave-{client.id}"  # other runs may use the same workers

    def warned(event: Event) -> None:
        _, record = event
        tell(record["levelno"], printable(f"{record['name']}: {record['msg']}", keep="\n"))

    def moved(event: Event) -> None:
        _, what = event
        if what.get("action") == "add-worker":
            tell(logging.INFO, f"Worker {what['worker']} joined.")
        elif what.get("action") == "remove-worker" and not what.get("expected"):
            tell(logging.WARNING, f"Worker {what['worker']} was lost; its results are computed again.")

    client.subscribe_topic(topic, warned)
    client.subscribe_topic("all", moved)
    client.register_plugin(ForwardLoggingPlugin(None, logging.WARNING, topic), topic)
    try:
        yield
    finally:
        # If the scheduler is gone or was restarted, unsubscribing fails. That must not hide why the block ended.
        with suppress(OSError, ClosedClientError, ValueError):
            client.unsubscribe_topic(topic)
            client.unsubscribe_topic("all")
            client.unregister_worker_plugin(topic)
