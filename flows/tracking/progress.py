"""Progress of a stage: a bar in the terminal, and a progress artifact in Prefect."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.tracking.server import show

UPDATE_SECONDS = 2.0  # a request to the server each time


@contextmanager
def stage_progress(stage: str, shards: int, unit: str = "shard") -> Iterator[Callable[[], None]]:
    """Show a stage's progress; the block gets a function to call after each shard, or other unit of the work.

    Prefect gets no artifact before the first update is due, so a quick stage is shown only once, when it is done.
    """
    key, description = stage.replace(" ", "-"), f"{stage}: {shards:,} {unit}{'s' if shards > 1 else ''}"
    create = partial(create_progress_artifact, key=key, description=description)
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}s"),
        TimeElapsedColumn(),
    )
    artifact: UUID | None = None
    shown, done = time.monotonic(), 0
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task(stage, total=shards)

        def advance() -> None:
            nonlocal artifact, shown, done
            done += 1
            bars.advance(bar)
            if done == shards or time.monotonic() - shown > UPDATE_SECONDS:
                percent, shown = 100.0 * done / shards, time.monotonic()
                if artifact:
                    show(partial(update_progress_artifact, artifact, percent))
                else:
                    artifact = cast("UUID | None", show(partial(create, percent)))

        yield advance
