"""Turn every error into one sentence for the user, its full text in a private file, and an exit status."""

import errno
import logging
import os
import select
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cyclopts import CycloptsError

from flows.cli.ending import INTERRUPTED, INTERRUPTION
from flows.cli.terminal import drop_output
from storage.credentials import redacted
from storage.errors import EigenwaveError, InputError, UnexpectedError, origin
from storage.printable import printable
from storage.stores.private import private_folder, write_private

PIPE_CLOSED = 141  # the status that a shell reports if the reader of a pipe, such as head, has exited
KEPT = 20  # newest error texts; older ones are deleted
AGAIN = "run the same command again, and if it fails again report it"


def status_of(command: Callable[[], None], *, debug: bool) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    command
        Runs the command line and prints its output.
    debug
        Also print the traceback of an error.
    """
    if not debug:
        _keep_quiet()
    try:
        command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write(INTERRUPTION)
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001 - the one place where every error ends
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return PIPE_CLOSED
        if debug:
            traceback.print_exc()
        shown = sentence(error)
        sys.stderr.write(f"eigenwave: {shown}\n")
        return shown.exit_code
    return 0


def sentence(error: BaseException) -> EigenwaveError:
    """Convert any error to one whose message is a sentence: what happened, where, and what to do."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, CycloptsError):
        return _wrong_usage(error)
    if isinstance(error, UnexpectedError):
        return _kept(str(error), AGAIN, error.full_text)
    if isinstance(error, EigenwaveError):
        return error
    message = " ".join(str(error).split()) or "it has no message"
    what = f"{type(error).__name__} at {origin(error)}: {redacted(message)}"
    return _kept(what, _advice(error), "".join(traceback.format_exception(error)))


def _wrong_usage(error: CycloptsError) -> EigenwaveError:
    if error.__cause__ is not None:
        from pydantic import ValidationError  # noqa: PLC0415 - slow to import

        from storage.settings import settings_error  # noqa: PLC0415

        if isinstance(error.__cause__, ValidationError):
            return settings_error(error.__cause__, {})
    return InputError(" ".join(str(error).split()))


def _advice(error: BaseException) -> str:
    """Advice for the user on an error of this kind."""
    if isinstance(error, MemoryError):
        return "memory ran out: use fewer --workers or a smaller --shard-size, and run again"
    if isinstance(error, ImportError):
        return "a part of the installation is missing: install eigenwave again"
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return "the disk is full: make room and run again, finished work is kept"
        if isinstance(error, FileNotFoundError) and not _folder_is_there():
            return "the current folder was removed: change to a folder that exists and run again"
    return AGAIN


def _folder_is_there() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - asks the system
    except OSError:
        return False
    return True


def _kept(what: str, advice: str, full_text: str) -> EigenwaveError:
    """An error with the sentence, the advice and the path of the full text."""
    place = keep_text(full_text)
    return EigenwaveError(f"{what}; {advice}. {place}")


def keep_text(full_text: str) -> str:
    """Write the full text of an error to a private file; return a sentence with its path, or why it was not written."""
    try:
        folder = _folder()
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}.txt"
        lines = [redacted(line) for line in full_text.splitlines()]
        write_private(path, printable("\n".join(lines), keep="\n") + "\n")
        for old in sorted(folder.glob("*.txt"))[:-KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, EigenwaveError, MemoryError) as error:
        return f"The full text could not be written ({error}); --debug shows it."
    return f"The full text is in {path}."


def _folder() -> Path:
    """A folder in the user's cache, or a temporary one if the cache is not writable."""
    from storage.datasets.known import cache_folder  # noqa: PLC0415 - takes time that only errors need

    try:
        return private_folder(cache_folder() / "errors")
    except EigenwaveError:
        return Path(tempfile.mkdtemp(prefix="eigenwave-"))


def _nobody_reads() -> bool:
    """Whether the broken pipe is standard output, rather than another connection.

    A flush alone does not tell: what could not be written may have been discarded already.
    """
    with suppress(OSError, ValueError):  # standard output is closed, or no file
        pipe = select.poll()
        pipe.register(sys.stdout.fileno(), select.POLLOUT)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0)):
            drop_output()
            return True
    return False


def _keep_quiet() -> None:
    """Keep tracebacks of threads, destructors and library logs off the terminal: none of them ends the command."""
    threading.excepthook = lambda arguments: _put_away(arguments.exc_value)
    sys.unraisablehook = lambda arguments: _put_away(arguments.exc_value)
    # Without a handler, logging prints library messages with their tracebacks.
    logging.getLogger().addHandler(logging.NullHandler())


def _put_away(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        keep_text("".join(traceback.format_exception(error)))
