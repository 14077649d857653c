"""Prefect's server as a process that ends with the process that started it.

`flows.tracking.own_server` runs this file by its path. The file imports nothing of eigenwave, so that no folder of the
user can shadow a module that it needs. Its standard input is a pipe that only the starter holds. When the pipe closes,
however the starter ended, the server ends. It reports its progress by lines on its standard output.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import NoReturn, Protocol

STEP = "step: "  # prefix of a line that names the server's next step; the last step is READY
READY = "ready"
WHOLE = "whole"
SCHEMA = Path(__file__).with_name("database.sql")
NEEDED_BYTES = 64 * 2**20  # of free space
LARGEST_BYTES = 256 * 2**20  # a larger database is replaced by a new one, without its history
END_SECONDS = 3.0  # for the server to finish its writes, once its starter has ended
PRIVATE = 0o077


class _Stoppable(Protocol):
    should_exit: bool


class _Lifeline:
    """Ends this process when its standard input closes: at once, or in an orderly way once there is a server.

    Attributes
    ----------
    folder
        Temporary folder to remove when the process ends.
    server
        Server to stop first.
    """

    def __init__(self) -> None:
        self.folder: str | None = None
        self.server: _Stoppable | None = None
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while os.read(0, 1024):
            pass
        if self.server is not None:
            self.server.should_exit = True
            time.sleep(END_SECONDS)
        self.end()

    def end(self) -> NoReturn:
        """End this process, and a migration that may be running."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)


def say(step: str) -> None:
    """Report this process's next step to the starter."""
    # If the starter has ended, writing fails. The lifeline then ends this process.
    with contextlib.suppress(OSError):
        os.write(1, f"{STEP}{step}\n".encode())


def claim_database(folder: Path) -> tuple[Path, int]:
    """Find or make the database for this version of Prefect on this machine, and lock it as in use.

    Each machine has its own database: machines may share a home folder, and SQLite cannot share a database there.

    Returns
    -------
    tuple[pathlib.Path, int]
        The database, readable by its user only, and the descriptor of the lock, held as long as it is open.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if shutil.disk_usage(folder).free < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path = folder / f"prefect-{metadata.version('prefect')}-{socket.gethostname()}.db"
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another process is making or using the database.
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            if not _usable(path):
                _replace(path)
            fcntl.flock(lock, fcntl.LOCK_SH)
        if path.exists():
            return path, lock
        fcntl.flock(lock, fcntl.LOCK_UN)


def _usable(path: Path) -> bool:
    """Whether a database exists, can be read, and is not too large. No other process may use it meanwhile."""
    if not path.exists() or path.stat().st_size > LARGEST_BYTES:
        return False
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            (versions,) = database.execute("SELECT count(*) FROM alembic_version").fetchone()
            return bool(versions == 1)
    except sqlite3.Error:
        return False


def _replace(path: Path) -> None:
    """Replace the database by a new one, completely or not at all."""
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    os.close(descriptor)
    try:
        make_database(Path(name))
        Path(name).replace(path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{name}{suffix}").unlink(missing_ok=True)


def make_database(path: Path) -> None:
    """Make the database of the installed Prefect in an empty file.

    Prefect's own migrations take fifteen seconds of CPU time. The file database.sql has the schema that they made for
    one version of Prefect. Another version runs its later migrations on that schema, or all migrations on an empty file
    if it does not know the schema's revision.
    """
    script = SCHEMA.read_text(encoding="utf-8")
    version, revision = (noted(script, name) for name in ("prefect", "revision"))
    if is_known(revision):
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(script)
    if version != metadata.version("prefect"):
        say("preparing its database, once for this version of Prefect")
        # Migrations run in another process, since Prefect reads the address of its database only once per process.
        words = [sys.executable, "-P", "-m", "prefect", "server", "database", "upgrade", "--yes"]
        environment = os.environ | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": _address(path)}
        subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=2, check=True)  # noqa: S603


def noted(script: str, name: str) -> str:
    """The value that a comment at the head of a script gives for a name."""
    found = re.search(rf"^-- {name} (\S+)$", script, re.MULTILINE)
    return found[1] if found else ""


def is_known(revision: str) -> bool:
    """Whether the installed Prefect has a migration of this name."""
    found = util.find_spec("prefect")
    places = found.submodule_search_locations if found else None
    migrations = "server/database/_migrations/versions/sqlite"
    return any(list(Path(place, migrations).glob(f"*_{revision}_*.py")) for place in places or ())


def _address(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def serve(listening: socket.socket, database: Path, lifeline: _Lifeline, *, whole: bool) -> None:
    """Serve until the lifeline is cut.

    Parameters
    ----------
    listening
        Where clients connect.
    database
        Up to date with the installed Prefect.
    whole
        Serve pages for a browser and run all services, as `prefect server start` does.
    """
    os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = _address(database)
    say("importing Prefect")
    import asyncio  # noqa: PLC0415 - the starter imports this file for some names and does not need asyncio

    import uvicorn  # noqa: PLC0415 - after the environment is set
    from prefect.server.api.server import create_app  # noqa: PLC0415

    class Announced(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # only the lifeline ends this process

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                say(READY)

    say("starting")
    app = create_app(ephemeral=not whole, final=True)
    server = Announced(uvicorn.Config(app, log_level="error", lifespan="on", access_log=False))
    lifeline.server = server

    asyncio.run(server.serve(sockets=[listening]))


def main() -> None:
    """Serve on the socket that the starter listens on, from a database in the folder it names."""
    place, descriptor, kind = sys.argv[1:]
    # Whoever ends a run may send the signal to all of its processes, as Slurm and systemd do. The server stays until
    # the command has reported its end to it; only the lifeline ends this process.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    lifeline = _Lifeline()
    listening = socket.socket(fileno=int(descriptor))
    with contextlib.suppress(OSError):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    os.umask(PRIVATE)
    try:
        database, _ = claim_database(Path(place))
    except (OSError, sqlite3.Error) as error:
        # The run continues, with a temporary database that keeps no history.
        sys.stderr.write(f"The folder {place} cannot hold a database ({error}).\n")
        lifeline.folder = tempfile.mkdtemp(prefix="eigenwave-prefect-")
        database, _ = claim_database(Path(lifeline.folder))
    serve(listening, database, lifeline, whole=kind == WHOLE)
    lifeline.end()


if __name__ == "__main__":
    main()
