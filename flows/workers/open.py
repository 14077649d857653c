"""Open the fan-out that the settings name."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from flows.workers.fanout import Fanout, InlineFanout
from storage.settings import Settings
from tasks.planning.place import in_this_process

Tell = Callable[[int, str], None]


@contextmanager
def open_fanout(settings: Settings, tell: Tell | None = None, seconds: float = math.inf) -> Iterator[Fanout]:
    """Open the fan-out that the settings name, for the duration of the block.

    Parameters
    ----------
    settings
        The settings.
    tell
        Called in another thread with level and text of what workers log.
    seconds
        Time that the work takes one worker. It decides the place if the settings leave it open.
    """
    if in_this_process(settings.execution, seconds):
        yield InlineFanout()
        return
    from flows.workers.client import open_client  # noqa: PLC0415
    from flows.workers.dask import DaskFanout  # noqa: PLC0415 - Dask takes long to import
    from flows.workers.logs import relayed  # noqa: PLC0415

    with open_client(settings) as client, relayed(client, tell) if tell else nullcontext():
        yield DaskFanout(client)
