"""A Prefect server for the duration of a command, if the user has none: on the loopback interface, behind a password.

It takes a few seconds to start, so a command starts it first and waits for it last. This module does not import
Prefect, which would take a few seconds more.
"""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flows.tracking import serve
from storage.datasets.known import cache_folder
from storage.errors import EigenwaveError

HOST = "127.0.0.1"
FOLDER = "prefect"  # in the cache
USER = "eigenwave"
END_SECONDS = 5.0
QUIET_SECONDS = 5.0  # of waiting before a message says why
STALLED_SECONDS = 120.0  # without CPU use, before a server is given up
PAUSE = 0.05
LINES = 200  # newest lines of its output, kept in case it fails

# The server uses no profile, setting or database of the user's Prefect, since those could keep it from starting.
ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",  # flows.tracking.serve has done that
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # runs have none
    "PREFECT_LOGGING_LEVEL": "WARNING",
}


class OwnServer:
    """A server process that ends with this one, however this one ends.

    Attributes
    ----------
    address
        Of the server, such as http://127.0.0.1:40123; the API is below it at /api.
    password
        User and password, joined by a colon, made for this server.

    Parameters
    ----------
    port
        Port on the loopback interface; 0 for any free port.
    whole
        Serve pages for a browser and run all services, as `prefect server start` does.
    more
        Further variables for its environment.
    """

    def __init__(self, port: int = 0, *, whole: bool = False, more: Mapping[str, str] | None = None) -> None:
        self.password = f"{USER}:{secrets.token_urlsafe(24)}"
        self._said: deque[str] = deque(maxlen=LINES)
        self._step = "starting Python"
        folder = cache_folder() / FOLDER
        with socket.create_server((HOST, port), backlog=1024) as listening:
            self.address = f"http://{HOST}:{listening.getsockname()[1]}"
            words = [sys.executable, "-P", serve.__file__, str(folder), str(listening.fileno())]
            self._process = subprocess.Popen(  # noqa: S603
                [*words, serve.WHOLE if whole else "brief"],
                env={**_environment(folder, self.password), **(more or {})},
                cwd="/",  # a folder without .env and prefect.toml
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C goes to the command only, which then ends the server
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Id of the server process."""
        return self._process.pid

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"{self.address}/api"

    def wait(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Wait until the server answers, as long as its process is alive and working.

        Parameters
        ----------
        tell
            Called with a sentence if that takes a while, and again for each further step.

        Raises
        ------
        EigenwaveError
            If the server ended or stopped working.
        """
        start = worked = time.monotonic()
        seconds, announced = 0.0, ""
        while self._step != serve.READY:
            if not self._listener.is_alive() or self._process.poll() is not None:
                self._listener.join(END_SECONDS)
                raise self._failure("ended before it answered")
            now, taken = time.monotonic(), _seconds(self._process.pid)
            worked, seconds = (now, taken) if taken > seconds else (worked, seconds)
            if now - worked > STALLED_SECONDS:
                raise self._failure(f"did nothing for {STALLED_SECONDS:.0f} seconds")
            if now - start > QUIET_SECONDS and self._step not in {announced, serve.READY}:
                announced = self._step
                tell(f"waiting for Prefect's server ({announced}) ...")
            time.sleep(PAUSE)

    def stop(self) -> None:
        """End the server, after it has finished its current writes."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(END_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith(serve.STEP):
                self._step = line.removeprefix(serve.STEP).strip()
            else:
                self._said.append(line)

    def _failure(self, what: str) -> EigenwaveError:
        said = [line.strip() for line in self._said if line.strip()] or ["it said nothing"]
        error = EigenwaveError(
            f"Prefect's server, which this command starts, {what} ({said[-1]}); run again, or set PREFECT_API_URL to a "
            "server of yours."
        )
        error.__cause__ = RuntimeError("".join(self._said))
        return error


@contextmanager
def own_server(port: int = 0, *, whole: bool = False, more: Mapping[str, str] | None = None) -> Iterator[OwnServer]:
    """Start a server for the duration of the block; see `OwnServer`."""
    server = OwnServer(port, whole=whole, more=more)
    try:
        yield server
    finally:
        server.stop()


def _environment(folder: Path, password: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | ENVIRONMENT | {"PREFECT_HOME": str(folder), "PREFECT_SERVER_API_AUTH_STRING": password}


def _seconds(number: int) -> float:
    """CPU time in seconds of a process and the processes that it started."""
    import psutil  # noqa: PLC0415 - slow to import

    try:
        process = psutil.Process(number)
        each = [process, *process.children(recursive=True)]
        return sum(sum(it.cpu_times()[:2]) for it in each)
    except psutil.NoSuchProcess:
        return 0.0
