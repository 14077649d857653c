"""What a network disk refuses for a moment is tried again, with growing pauses; nothing else is.

Object stores need none of this: their client tries requests again (see `storage.stores.objects`).
"""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

PAUSES = (0.1, 0.5, 2.0)  # seconds
# The disk is out of reach: whatever was asked for may be there all the same.
AWAY = frozenset(
    {errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNRESET, errno.EREMOTEIO}
    | {errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH}
)
# What network disks say of lost packets is also what local ones say of lost sectors.
TRANSIENT = AWAY | {errno.EIO, errno.EAGAIN}

T = TypeVar("T")


def is_transient(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, may not come again."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in TRANSIENT:
            return True
        error = error.__cause__
    return False


def tried_again(action: Callable[[], T]) -> T:
    """What the action gives, which may be asked for several times."""
    for pause in PAUSES:
        try:
            return action()
        except Exception as error:
            if not is_transient(error):
                raise
        time.sleep(pause)
    return action()
