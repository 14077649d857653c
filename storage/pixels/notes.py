"""Count harmless oddities of image files by kind. Pillow would print a line for each file."""

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_counted: ContextVar[Counter[str] | None] = ContextVar("_counted", default=None)


class _Counting(logging.Handler):
    """Counts Pillow's log records instead of printing them."""

    def emit(self, record: logging.LogRecord) -> None:
        notes = _counted.get()
        if notes is not None:
            notes[_kind(record.getMessage())] += 1


logging.getLogger("PIL").addHandler(_Counting(logging.WARNING))
logging.getLogger("PIL").propagate = False


@contextmanager
def counted(notes: Counter[str]) -> Iterator[None]:
    """Count Pillow's warnings in `notes` instead of printing them."""
    token = _counted.set(notes)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        _counted.reset(token)
        notes.update(_kind(str(warning.message)) for warning in caught)


def _kind(message: str) -> str:
    """A message with N for its numbers, which differ from file to file."""
    return "Pillow: " + re.sub(r"\d+", "N", message.splitlines()[0] if message else "a warning without words")
