"""Progress of a stage: a bar in the terminal, and a progress artifact in Prefect."""

import logging
import sys
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
LINE_SECONDS = 60.0  # between two lines where there is no terminal, and a bar would appear only when it is full


@contextmanager
def stage_progress(stage: str, shards: int, unit: str = "shard") -> Iterator[Callable[[], None]]:
    """Show a stage's progress; the block gets a function to call after each shard, or other unit of the work.

    The bar is left out if the level of the logger eigenwave is above INFO, as with `--quiet`. Where it cannot move, as
    in the log of a batch job, a line now and then says how far a long stage is.
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
    shown = said = time.monotonic()
    done = 0
    quiet = logging.getLogger("eigenwave").level > logging.INFO
    # In a notebook, a bar needs a package that may be missing, and warns of it at each step; a line a stage will do.
    console = Console(stderr=True, force_terminal=sys.stderr.isatty(), force_jupyter=False)
    with Progress(*columns, console=console, disable=quiet) as bars:
        bar = bars.add_task(stage, total=shards)

        def advance() -> None:
            nonlocal artifact, shown, said, done
            done += 1
            bars.advance(bar)
            now = time.monotonic()
            if not quiet and not console.is_terminal and done < shards and now - said > LINE_SECONDS:
                said = now
                console.print(f"{stage}: {done:,} of {shards:,} {unit}s")
            if done == shards or now - shown > UPDATE_SECONDS:
                percent, shown = 100.0 * done / shards, now
                if artifact:
                    show(partial(update_progress_artifact, artifact, percent))
                else:
                    artifact = cast("UUID | None", show(partial(create, percent)))

        yield advance
