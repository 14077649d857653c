"""Choose the Prefect server that a run reports to: the user's, if there is one, otherwise one for this run."""

import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.tracking.own_server import HOST, OwnServer, own_server
from storage.errors import InputError

Tell = Callable[[str], None]

# How the command ends on SIGTERM. Prefect replaces that while a flow runs.
SIGTERM_HANDLER: ContextVar[Any] = ContextVar("SIGTERM_HANDLER", default=signal.SIG_DFL)

DRAIN_SECONDS = 5.0
NO = {"", "0", "false", "no"}
LOOPBACKS = (HOST, "localhost", "::1")

QUIET = {
    # The terminal shows the progress bars and the summary. Prefect's log still goes to its server.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # If the server is gone, Prefect would log each event that it could not send.
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # The automation in deploy/automations.yaml waits for these heartbeats.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}


class Session:
    """Prefect for one run, from the first moment of a command to its last.

    Parameters
    ----------
    stack
        Stops the server that the session starts, if any.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server = None if may_have_server() else self._start()

    def _start(self) -> OwnServer:
        return self._stack.enter_context(own_server())

    @contextmanager
    def reporting(self, tell: Tell = lambda _: None) -> Iterator[None]:
        """Wait until the server answers, and let flows called in the block report to it.

        Parameters
        ----------
        tell
            Called with a sentence if that takes a while.

        Raises
        ------
        EigenwaveError
            If the server does not start.
        """
        from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - Prefect takes long to import

        SIGTERM_HANDLER.set(signal.getsignal(signal.SIGTERM))
        if self._server is None and PREFECT_API_URL.value():
            yield
            return
        server = self._server = self._server or self._start()
        server.wait(tell)
        with _reporting_to(server):
            yield


@contextmanager
def prefect_session() -> Iterator[Session]:
    """Open a session for the duration of the block. A server that is needed starts at once, without a wait for it."""
    prepare_environment()
    with ExitStack() as stack:
        yield Session(stack)


@contextmanager
def _reporting_to(server: OwnServer) -> Iterator[None]:
    from prefect.events.worker import EventsWorker  # noqa: PLC0415
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_API_URL,
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
        temporary_settings,
    )

    ours = {
        PREFECT_API_URL: server.api,
        PREFECT_API_AUTH_STRING: server.password,
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
    }
    with temporary_settings(ours, restore_defaults={PREFECT_API_KEY}):
        try:
            yield
        finally:
            # Send what is queued before the server ends, since a later run in this process has another server. Use a
            # thread: where an event loop runs, as in a notebook, Prefect would return before it is sent.
            for worker in (APILogWorker, EventsWorker):
                drain = threading.Thread(target=worker.drain_all, kwargs={"timeout": DRAIN_SECONDS})
                drain.start()
                drain.join()


def load_prefect() -> None:
    """Import Prefect.

    Raises
    ------
    InputError
        If it refuses its settings.
    """
    before = logging.root.manager.disable
    logging.disable()  # the errors below say once what Prefect would log here
    try:
        import prefect.main  # noqa: F401, PLC0415
    except ValidationError as error:
        raise InputError(_refusal(error)) from error
    except Exception as error:
        raise InputError(
            f"Prefect cannot be loaded ({type(error).__name__}: {error}); check the variables whose names begin with "
            "PREFECT_, and its profile."
        ) from error
    finally:
        logging.disable(before)


def _refusal(error: ValidationError) -> str:
    """A sentence on the first setting that Prefect refuses, with the variable that has its value."""
    problem = error.errors(include_url=False)[0]
    value, field = str(problem["input"]), ".".join(map(str, problem["loc"]))
    held = (name for name, text in os.environ.items() if name.startswith("PREFECT_") and text.upper() == value.upper())
    return f"Prefect refuses its setting {next(held, field)} = {value!r}: {problem['msg']}. Correct or unset it."


def may_have_server() -> bool:
    """Whether a variable or file may name a server of the user; only Prefect knows, but it is slow to import."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"
    return any(_mentions_server(Path(place)) for place in (profiles, ".env", "prefect.toml", "pyproject.toml"))


def _mentions_server(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return (
        re.search(r"api[._]url|\bapi\b", text, re.IGNORECASE) is not None and "prefect" in f"{path.name}{text}".lower()
    )


def prepare_environment() -> None:
    """Set variables that Prefect reads when it is imported, unless the user has set them."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # A user who did not ask for Prefect must not send usage data to its makers.
    if os.environ.get("DO_NOT_TRACK", "unset").lower() not in NO:
        os.environ["DO_NOT_TRACK"] = "1"
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    pass_proxies()


def pass_proxies() -> None:
    """Keep requests between processes of this machine away from proxies."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    missing = [name for name in LOOPBACKS if name not in names]
    for variable in ("no_proxy", "NO_PROXY"):
        os.environ[variable] = ",".join([*names, *missing])
