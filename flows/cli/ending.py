"""End a command on a signal: with a message, within seconds, and without leaving processes behind."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

INTERRUPTION = "eigenwave: interrupted; the same command continues the run.\n"
GRACE_SECONDS = 4.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # the status that a shell reports for a command ended by Ctrl-C
STATUS = 128  # a shell reports this plus the number of the signal


@contextmanager
def interruptible() -> Iterator[None]:
    """End the block on Ctrl-C, SIGTERM, or SIGHUP (a closed terminal): in order if that is quick, otherwise at once.

    Nothing on disk is lost either way. The process then exits with the status that a shell reports for the signal.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        if received:
            leave(INTERRUPTION, STATUS + number)
        received.append(number)
        # If its server is gone, Prefect would retry for minutes.
        deadline = threading.Timer(GRACE_SECONDS, leave, (INTERRUPTION, STATUS + number))
        deadline.daemon = True
        deadline.start()
        raise KeyboardInterrupt

    # A signal that the caller ignores, as nohup does, stays ignored.
    before = {each: signal.getsignal(each) for each in SIGNALS if signal.getsignal(each) != signal.SIG_IGN}
    for each in before:
        signal.signal(each, interrupt)
    try:
        yield
    except BaseException:
        if received:
            leave(INTERRUPTION, STATUS + received[0])
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def leave(text: str, status: int) -> NoReturn:
    """End the command and all processes that it started at once."""
    import psutil  # noqa: PLC0415 - slow to import

    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    os._exit(status)
