"""Requests to a Prefect server that may be out of reach: the run continues without it."""

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
TRIES_TO_SHOW = 1  # retries, which take a few seconds: showing progress must not delay a run
SILENCE_SECONDS = 120.0  # without requests after the server did not answer


class ServerLostError(EigenwaveError):
    """Prefect's server does not answer."""


class _Audience:
    """Prefect's server as the receiver of artifacts, which a run can do without."""

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._usual: Settings | None = None
        self._impatient: Settings | None = None

    def show(self, send: Callable[[], T]) -> T | None:
        """Send a request and return the answer; None if the server is out of reach, or was a moment ago."""
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
        """Prefect's current settings with fewer retries; they are cached, since changing one takes Prefect .1 s."""
        current = get_settings_context()
        if self._impatient is None or self._usual is not current.settings:
            self._usual = current.settings
            self._impatient = current.settings.copy_with_update({PREFECT_CLIENT_MAX_RETRIES: TRIES_TO_SHOW})
        return SettingsContext(profile=current.profile, settings=self._impatient)


show = _Audience().show


@contextmanager
def server_loss_explained() -> Iterator[None]:
    """Convert errors of an unreachable server to one sentence, after Prefect's retries have failed.

    Raises
    ------
    ServerLostError
        If a flow ended because the server did not answer.
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
