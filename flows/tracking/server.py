"""Prefect's server may be out of reach: a run goes on unseen, and is not lost by it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
from prefect import get_run_logger
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, Settings

from storage.errors import EigenwaveError

T = TypeVar("T")

REFUSALS = (401, 403)
TRIES_TO_SHOW = 1  # beyond the first, a few seconds in all: what is only shown must not hold a run up
SILENCE_SECONDS = 120.0  # before a server that did not answer is shown something again


class ServerLostError(EigenwaveError):
    """Prefect's server does not answer."""


class _Audience:
    """Prefect's server, as far as a run only shows it something."""

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._usual: Settings | None = None
        self._impatient: Settings | None = None

    def show(self, send: Callable[[], T]) -> T | None:
        """What the server answers; None if it is out of reach, or was a moment ago."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            with self._few_tries():
                return send()
        except httpx.TransportError as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            get_run_logger().warning("Prefect's server does not answer (%s); the run goes on unseen.", error)
            return None

    def _few_tries(self) -> SettingsContext:
        """Prefect's settings as they are, but for the number of tries; kept, since Prefect takes .1 s to change one."""
        current = get_settings_context()
        if self._impatient is None or self._usual is not current.settings:
            self._usual = current.settings
            self._impatient = current.settings.copy_with_update({PREFECT_CLIENT_MAX_RETRIES: TRIES_TO_SHOW})
        return SettingsContext(profile=current.profile, settings=self._impatient)


show = _Audience().show


@contextmanager
def loss_told() -> Iterator[None]:
    """Tell in a sentence that a flow ended because the server did not answer, however long it was asked.

    Raises
    ------
    ServerLostError
        If so.
    """
    try:
        yield
    except httpx.TransportError as error:
        raise _lost(str(error)) from None
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in REFUSALS:
            raise
        raise _refused(error.response.status_code) from None
    except RuntimeError as error:
        if "Failed to reach API" not in str(error):
            raise
        raise _lost("there is none") from None


def _refused(status: int) -> ServerLostError:
    return ServerLostError(
        f"Prefect's server at {PREFECT_API_URL.value()} does not let this command in ({status}); set "
        "PREFECT_API_AUTH_STRING or PREFECT_API_KEY, or unset PREFECT_API_URL to do without."
    )


def _lost(reason: str) -> ServerLostError:
    address = PREFECT_API_URL.value()
    server, advice = (
        (f"Prefect's server at {address}", "start it again, or unset PREFECT_API_URL to do without, and run again")
        if address
        else ("Prefect's temporary server", "run again")
    )
    return ServerLostError(f"{server} does not answer ({reason}); {advice}: finished work is kept.")
