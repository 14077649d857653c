"""Printing for the commands, on terminals of any width and encoding, or to a file or pipe."""

import io
import json
import logging
import os
import resource
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from flows.documents.finite import finite
from storage.printable import printable

STANDARD = (0, 1, 2)
LOGGER = logging.getLogger("eigenwave")  # its level is how much a command prints about its progress


class Terminal(Console):
    """A console that shows names from a dataset as they are.

    Square brackets in a name are not markup, colons are not emoji codes, and control characters are escaped.

    Parameters
    ----------
    stderr
        Write to standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Text from a string, with control characters escaped before its width is measured."""
        return super().render_str(printable(text, keep="\n"), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments of a renderable, with the control characters in its text escaped."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text, keep="\n"), segment.style)

    def on_broken_pipe(self) -> None:
        """Raise the error again, for the command to handle."""
        raise  # noqa: PLE0704 - rich calls this while it handles the error


def display(renderable: RenderableType) -> None:
    """Print tables and text for people."""
    Terminal().print(renderable)


def note(text: RenderableType) -> None:
    """Print text about the progress of a command to standard error, unless the command is to be quiet."""
    if LOGGER.level <= logging.INFO:
        Terminal(stderr=True).print(text, style="dim")


def say(line: str) -> None:
    """Print a line without wrapping it to the width of the terminal."""
    sys.stdout.write(f"{printable(line)}\n")


def as_json(content: object) -> str:
    """JSON in ASCII, with all control characters escaped, and with null for numbers that JSON does not have."""
    text = json.dumps(finite(content), indent=2, allow_nan=False)
    # json escapes all control characters except DEL.
    return text.replace("\x7f", "\\u007f") + "\n"


def grid(*columns: str | Column, header: bool = True) -> Table:
    """A table without lines that folds its cells on a narrow terminal, so that nothing is cut off."""
    made = [Column(column) if isinstance(column, str) else column for column in columns]
    for column in made:
        column.overflow = "fold"
    return Table(*made, box=None, show_header=header)


class Shown(logging.Formatter):
    """Formats a log record as its message alone, with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return printable(record.getMessage(), keep="\n")


def set_volume(*, quiet: bool, verbose: bool) -> None:
    """Choose how much a command prints beside its result, to standard error.

    Parameters
    ----------
    quiet
        No progress.
    verbose
        The log of Prefect and of other libraries too.
    """
    LOGGER.setLevel(logging.WARNING if quiet else logging.INFO)
    lines = logging.StreamHandler()
    lines.setFormatter(Shown())
    LOGGER.handlers = [lines]  # one, however often a process runs a command
    if verbose:
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "INFO"
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
        LOGGER.propagate = False


def peak_memory() -> float:
    """Return the most memory that this process or one of its children has used, in MiB."""
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return most / (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes, others KiB


def open_streams() -> None:
    """Make sure that the standard streams are open and can write every character.

    If a shell closed a stream, the next opened file would get its descriptor, and printed text would be written into
    that file. A character that the terminal's encoding lacks is escaped.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) in STANDARD:
        os.set_inheritable(opened, True)  # noqa: FBT003 - its only way
    os.close(opened)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Discard the rest of standard output, because its reader is gone."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
