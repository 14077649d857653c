"""End a command on a signal: with a message, within seconds, and without leaving processes behind."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

INTERRUPTION = "eigenwave: interrupted; the same command continues the run.\n"
FINISHED = "eigenwave: interrupted; the run is finished and intact.\n"
GRACE_SECONDS = 4.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # the status that a shell reports for a command ended by Ctrl-C
STATUS = 128  # a shell reports this plus the number of the signal


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """End the block on Ctrl-C, SIGTERM, or SIGHUP (a closed terminal): in order if that is quick, otherwise at once.

    Nothing on disk is lost either way. The process then exits with the status that a shell reports for the signal. Its
    message says that the run can be continued, or that it is finished, once the function was called that this yields.
    """
    received: list[int] = []
    messages = [INTERRUPTION]

    def interrupt(number: int, _: FrameType | None) -> None:
        if received:
            leave(messages[-1], STATUS + number)
        received.append(number)
        # If its server is gone, Prefect would retry for minutes.
        deadline = threading.Timer(GRACE_SECONDS, leave, (messages[-1], STATUS + number))
        deadline.daemon = True
        deadline.start()
        raise KeyboardInterrupt

    # A signal that the caller ignores, as nohup does, stays ignored.
    before = {each: signal.getsignal(each) for each in SIGNALS if signal.getsignal(each) != signal.SIG_IGN}
    for each in before:
        signal.signal(each, interrupt)
    try:
        yield lambda: messages.append(FINISHED)
    except BaseException:
        if received:
            leave(messages[-1], STATUS + received[0])
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
