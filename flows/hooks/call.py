"""Call the hooks of a finished run: functions that other packages install, and the one for MLflow if it is asked for.

A package installs a function by an entry point of the group `eigenwave.after_run`; docs/json.md has an example.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from flows.documents.finite import finite
from flows.documents.runs import Summary
from flows.hooks.to_mlflow import log_to_mlflow
from storage.credentials import redacted
from storage.runs.run import Run
from storage.settings import Settings

GROUP = "eigenwave.after_run"


class Hook(NamedTuple):
    """A function to call with a run and its summary: how messages name it, and what loads it."""

    name: str
    load: Callable[[], Callable[[Run, dict[str, Any]], object]]


def call_hooks(run: Run, settings: Settings, warn: Callable[[str], None]) -> None:
    """Call each hook with a finished run and with its summary, as `--json` prints it.

    What a hook prints goes to standard error, since standard output is for the result. No hook can fail the run.

    Parameters
    ----------
    run
        The finished run. Its workspace is not locked.
    settings
        Settings of the run.
    warn
        Called with a sentence about each hook that fails, while its error is handled.
    """
    for hook in _hooks(settings):
        try:
            with redirect_stdout(sys.stderr):
                hook.load()(run, finite(Summary.of(run).model_dump(by_alias=True)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the code of others
            reason = " ".join(redacted(f"{type(error).__name__}: {error}").split())
            warn(f"{hook.name} failed: {reason.rstrip('.: ')}. The run is finished and intact.")


def _hooks(settings: Settings) -> Iterator[Hook]:
    for point in sorted(entry_points(group=GROUP), key=_name):
        yield Hook(_name(point), point.load)
    experiment = settings.afterwards.mlflow
    if experiment is not None:
        yield Hook("Logging to MLflow", lambda: partial(log_to_mlflow, experiment))


def _name(point: EntryPoint) -> str:
    return f"The hook {point.name} of {point.dist.name if point.dist else point.module}"
