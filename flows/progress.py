"""How far a stage is: a bar in the terminal, and a progress artifact in Prefect."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.prefect_server import show

UPDATE_SECONDS = 2.0  # an artifact update is a request to the server


@contextmanager
def stage_progress(stage: str, shards: int) -> Iterator[Callable[[], None]]:
    """Show a stage's progress; the block gets a function to call after each shard."""
    key, description = stage.replace(" ", "-"), f"{stage}: {shards:,} shard{'s' if shards > 1 else ''}"
    artifact = cast("UUID | None", show(lambda: create_progress_artifact(0.0, key=key, description=description)))
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("shards"),
        TimeElapsedColumn(),
    )
    updated, done = time.monotonic(), 0
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task(stage, total=shards)

        def advance() -> None:
            nonlocal updated, done
            done += 1
            bars.advance(bar)
            if artifact and (done == shards or time.monotonic() - updated > UPDATE_SECONDS):
                updated = time.monotonic()
                show(partial(update_progress_artifact, artifact, 100.0 * done / shards))

        yield advance
