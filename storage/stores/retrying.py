"""Retry operations on a network disk that failed for a transient reason, with growing pauses.

Object stores do not need this: their client retries requests (see `storage.stores.objects`).
"""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

PAUSES = (0.1, 0.5, 2.0)  # seconds
# The disk is out of reach, but the file may still exist. Not every system has every one of these errors.
_AWAY = "ESTALE ETIMEDOUT ENOTCONN ECONNRESET EREMOTEIO EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH"
AWAY = frozenset(getattr(errno, name) for name in _AWAY.split() if hasattr(errno, name))
# Network disks report EIO for lost packets; local disks report it for lost sectors.
TRANSIENT = AWAY | {errno.EIO, errno.EAGAIN}

T = TypeVar("T")


def is_transient(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, may go away by itself."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in TRANSIENT:
            return True
        error = error.__cause__
    return False


def tried_again(action: Callable[[], T]) -> T:
    """Return the action's result, after retries if it fails for a transient reason."""
    for pause in PAUSES:
        try:
            return action()
        except Exception as error:
            if not is_transient(error):
                raise
        time.sleep(pause)
    return action()
