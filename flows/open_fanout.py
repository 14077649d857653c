"""Which fan-out the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.fanout import Fanout, InlineFanout
from storage.settings import Settings


@contextmanager
def open_fanout(settings: Settings) -> Iterator[Fanout]:
    """The fan-out that the settings name, for the time of the block."""
    if settings.cluster == "inline":
        yield InlineFanout()
        return
    from flows.dask_fanout import open_dask  # noqa: PLC0415 - Dask takes long to import

    with open_dask(settings.cluster, settings.workers, settings.memory_limit) as fanout:
        yield fanout
