"""Errors that a user can act on. Each message is one sentence: what is wrong, where, and what to do."""

import traceback
from pathlib import Path
from typing import Self

from storage.printable import printable

HOME = Path(__file__).resolve().parents[1]  # what the packages of eigenwave lie in
PACKAGES = frozenset({"eigenwave", "flows", "tasks", "storage"})


class EigenwaveError(Exception):
    """A run failed. The user sees the message unchanged, and the command exits with `exit_code`."""

    exit_code = 1

    def __str__(self) -> str:
        """The sentence; names in it that hold control characters are escaped."""
        return printable(super().__str__(), keep="\n")


class UnexpectedError(EigenwaveError):
    """An error that nobody made for users, in one sentence.

    Attributes
    ----------
    full_text
        The traceback, with the errors that led to it.
    """

    def __init__(self, sentence: str, full_text: str) -> None:
        super().__init__(sentence, full_text)
        self.full_text = full_text

    @classmethod
    def of(cls, error: BaseException, beginning: str) -> Self:
        """Describe an error in a sentence that starts with `beginning`, and has the error's type and origin."""
        message = " ".join(str(error).split()) or "no message"
        return cls(
            f"{beginning} {type(error).__name__}: {message} (at {origin(error)})",
            "".join(traceback.format_exception(error)),
        )

    def __str__(self) -> str:
        """The sentence."""
        return printable(self.args[0], keep="\n")


def origin(error: BaseException) -> str:
    """Where an error came from, as file:function:line: the last place in eigenwave's code, or else the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [(frame, path) for frame in frames if (path := _of_ours(frame.filename))]
    if ours:
        frame, path = ours[-1]
        return f"{path}:{frame.name}:{frame.lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].name}:{frames[-1].lineno}" if frames else "an unknown place"


def _of_ours(file: str) -> str | None:
    path = Path(file)
    if not path.is_relative_to(HOME):
        return None
    inside = path.relative_to(HOME)
    return inside.as_posix() if inside.parts[0] in PACKAGES else None


class DamagedError(EigenwaveError):
    """A file of the workspace is missing, or its bytes differ from those written."""


class TakenOverError(EigenwaveError):
    """Another process took over the lock of the workspace."""


class InputError(EigenwaveError):
    """Usage, settings or input are wrong. Found before anything was computed."""

    exit_code = 2


class ClusterLostError(EigenwaveError):
    """The cluster's machines were lost. Finished work is kept, and a later attempt continues it."""


class BadImageError(Exception):
    """An image cannot be used. It is quarantined, and the run continues.

    Attributes
    ----------
    reason
        Category of the problem, one of a few fixed words; rejects are counted by it.
    detail
        Exact description of the problem.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
