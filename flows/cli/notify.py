"""Send the result of a command to a URL or to another command, for those that wait for it elsewhere."""

import shlex
import subprocess
from collections.abc import Iterable, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from flows.cli.answer import Answer
from flows.cli.terminal import LOGGER
from storage.errors import InputError

WEB = ("http://", "https://")
URL_SECONDS, COMMAND_SECONDS = 10, 300
# A URL may hold a token, so it is no setting: those are kept with the run.
Notify = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        help="After the run, post what --json prints to this URL, or run this command with it on standard input. If "
        "that fails, a warning says so. Repeat the option for several.",
    ),
]


def require_places(places: Iterable[str]) -> None:
    """Verify that places can be notified, as far as that can be said before.

    Raises
    ------
    InputError
        If one is neither a URL of the web nor a command.
    """
    for place in places:
        if "://" in place.split(" ", 1)[0] and not place.startswith(WEB):
            raise InputError(f"--notify {_shown(place)} is neither a URL (http://, https://) nor a command.")
        if not place.startswith(WEB) and not _words(place):
            what = f"{_shown(place)}: a quotation mark is missing" if place.strip() else "is no command: it is empty"
            raise InputError(f"--notify {what}.")


def notify_all(places: Sequence[str], answer: Answer) -> None:
    """Send the document of an answer to places, which `require_places` has accepted. A failure is a warning."""
    content = answer.json().encode() if places else b""
    for place in places:
        problem = _post(place, content) if place.startswith(WEB) else _run(_words(place), content)
        if problem:
            LOGGER.warning("%s could not be notified: %s. The run is finished and intact.", _shown(place), problem)


def _post(url: str, content: bytes) -> str | None:
    """Post to a URL; return what went wrong, or None."""
    import httpx  # noqa: PLC0415 - slow to import

    try:
        answer = httpx.post(url, content=content, headers={"Content-Type": "application/json"}, timeout=URL_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__  # its text may repeat the URL
    return None if answer.is_success else f"it answered {answer.status_code}"


def _run(words: list[str], content: bytes) -> str | None:
    """Run a command, whose output goes to standard error; return what went wrong, or None."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            words, input=content, stdout=2, timeout=COMMAND_SECONDS, check=False
        )
    except OSError as error:
        return str(error.strerror)
    except subprocess.TimeoutExpired:
        return f"it took longer than {COMMAND_SECONDS} s and was ended"
    return f"it ended with status {done.returncode}" if done.returncode else None


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _shown(place: str) -> str:
    """A place without what may be secret in it: the host of a URL, the first word of a command up to an equals sign."""
    if "://" in place.split(" ", 1)[0]:
        return urlsplit(place).hostname or "The URL"
    return (_words(place) or place.split())[0].partition("=")[0]
