"""Folders and files that are closed to other users."""

import os
import stat
from pathlib import Path
from typing import TextIO

from storage.errors import EigenwaveError

OTHERS = 0o077  # any right of the group or of everybody else
MEMBERS = 0o660  # of the group, if the umask allows it


def private_folder(path: Path) -> Path:
    """Make a folder that only this user can enter, or make sure that it is one.

    Parameters
    ----------
    path
        The folder; missing parents are made.

    Returns
    -------
    Path
        The same folder.

    Raises
    ------
    EigenwaveError
        If it is a link, or belongs to another user, or cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise EigenwaveError(f"The folder {path} is a link or belongs to another user; remove it.")
        if status.st_mode & OTHERS:
            path.chmod(0o700)
    except OSError as error:
        raise EigenwaveError(f"The folder {path} cannot be used: {error.strerror}; make room for it.") from None
    return path


def write_private(path: Path, content: str) -> None:
    """Write a new text file that only this user can read.

    Raises
    ------
    FileExistsError
        If there is such a file, or a link in its place.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(content)


def open_lock(path: Path) -> TextIO:
    """Open a file to lock it, or make it.

    It is never opened through a link, which would change what the link leads to. Users outside the group get no right
    to it: who can read a file can lock it.

    Raises
    ------
    OSError
        If it is a link, or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, MEMBERS)
    return os.fdopen(descriptor, "a+", encoding="utf-8")
