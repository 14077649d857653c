"""The files of a dataset: the interface to list and read them, and files on this machine."""

import errno
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from storage.datasets.access import DEFAULT, open_regular, path_in, require_regular, require_size
from storage.datasets.findings import Tally
from storage.datasets.stamps import file_stamp, settled_before
from storage.errors import BadImageError, EigenwaveError, InputError
from storage.setting_groups import Access
from storage.stores.retrying import AWAY, is_transient, tried_again

HIDDEN = "."  # first character of names that are not part of a dataset, such as .git, .DS_Store and ._1.png
HIDDEN_FOLDERS = frozenset({"__MACOSX", "__pycache__", "@eaDir"})  # made by macOS, Python and Synology
ESCAPED = re.compile(r"\\\\|\\x([0-9a-f]{2})")


class Files(Protocol):
    """Files by path, with forward slashes, relative to the dataset's address.

    Reading raises OSError if a file does not exist or cannot be read.

    Attributes
    ----------
    read_together
        Best size in bytes for one read.
    access
        Limits on reading.
    links, closed
        Links to files and folders that `walk` followed, and folders whose content it was not allowed to see.
    """

    read_together: int
    access: Access
    links: Tally
    closed: Tally

    def __str__(self) -> str:
        """The address."""
        ...

    def folders(self, folder: str = "") -> list[str]:
        """Names of the folders directly in a folder, sorted, without hidden ones."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted, without hidden ones."""
        ...

    def walk(self, folder: str = "") -> Iterator[tuple[str, bytes | None]]:
        """Paths of all files below a folder at any depth, hidden ones too, in any order, each with its stamp."""
        ...

    def stamp(self, path: str) -> bytes | None:
        """Stamp that shows whether a file is unchanged (see `storage.datasets.stamps`); None if there is none."""
        ...

    def size(self, path: str) -> int:
        """Size of a file in bytes."""
        ...

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Content of a file, or a part of it; fewer bytes at the end of the file."""
        ...

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes | BadImageError]:
        """Content of each of many files, or the reason why it cannot be read."""
        ...

    def open(self, path: str) -> BinaryIO:
        """A file to read and seek in."""
        ...

    def local(self, path: str) -> Path | None:
        """Path of the file on this machine; None if it is elsewhere."""
        ...

    def inside(self, folder: str) -> "Files":
        """The files in a folder, by paths relative to it."""
        ...

    def zarr(self) -> Any:  # noqa: ANN401 - anything that zarr opens
        """The files as a store for zarr."""
        ...


class LocalFiles:
    r"""Files in a folder; see `Files`. Names that are not UTF-8 have their odd bytes escaped, as in `a\xff.png`."""

    read_together = 2**19  # fits into a core's cache, from which the decoder then reads

    def __init__(self, folder: Path, access: Access = DEFAULT) -> None:
        self._folder = str(folder)
        self.access = access
        self.links, self.closed = Tally(), Tally()

    def __str__(self) -> str:
        return self._folder

    def folders(self, folder: str = "") -> list[str]:
        """See `Files`."""
        with os.scandir(self._path(folder)) as entries:
            return sorted(_escape(entry.name) for entry in entries if entry.is_dir() and visible(entry.name))

    def names(self, folder: str = "") -> list[str]:
        """See `Files`."""
        with os.scandir(self._path(folder)) as entries:
            return sorted(_escape(entry.name) for entry in entries if not entry.is_dir() and visible(entry.name))

    def walk(self, folder: str = "") -> Iterator[tuple[str, bytes | None]]:
        """See `Files`."""
        settled = settled_before()
        seen: set[tuple[int, int]] = set()
        waiting = [self._path(folder)]
        while waiting:
            parent = waiting.pop()
            _refuse_circle(parent, seen)
            start = parent[len(self._folder) :].lstrip("/")
            entries = _entries(parent)
            if entries is None:
                self.closed.add(_escape(start))
            for entry in entries or ():
                path = _escape(f"{start}/{entry.name}" if start else entry.name)
                if entry.is_symlink():
                    self.links.add(path)
                if _is_folder(entry):
                    waiting.append(f"{parent}/{entry.name}")
                else:
                    yield path, _stamp(f"{parent}/{entry.name}", settled)

    def stamp(self, path: str) -> bytes | None:
        """See `Files`."""
        with suppress(PermissionError):  # a file that may not be read has no stamp
            return _stamp(self._path(path), settled_before())
        return None

    def size(self, path: str) -> int:
        """See `Files`."""
        status = os.stat(self._path(path))  # noqa: PTH116
        require_regular(status, path)
        return status.st_size

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Files`."""
        try:
            return self._read(path, offset, length)
        except OSError as error:
            if not is_transient(error):
                raise
            return tried_again(partial(self._read, path, offset, length))

    def _read(self, path: str, offset: int, length: int | None) -> bytes:
        descriptor = open_regular(self._path(path))
        try:
            left = max(0, os.fstat(descriptor).st_size - offset)
            if length is None:
                require_size(left, self.access)
            # Never ask for more than the file has, since memory is allocated for the whole length.
            length = left if length is None else min(length, left)
            content = os.pread(descriptor, length, offset)
            # The kernel may return fewer bytes than requested, and never returns more than 2 GiB at once.
            while len(content) < length and (
                more := os.pread(descriptor, length - len(content), offset + len(content))
            ):
                content += more
            return content
        finally:
            os.close(descriptor)

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes | BadImageError]:
        """See `Files`."""
        for path in paths:
            try:
                yield self.read(path)
            except OSError as error:
                yield unreadable(error)

    def open(self, path: str) -> BinaryIO:
        """See `Files`."""
        return io.FileIO(open_regular(self._path(path)))

    def local(self, path: str) -> Path | None:
        """See `Files`."""
        with suppress(PermissionError):  # reading reports that the file may not be read
            return Path(self._path(path))
        return None

    def inside(self, folder: str) -> "LocalFiles":
        """See `Files`."""
        return LocalFiles(Path(self._path(folder)), self.access)

    def zarr(self) -> Any:  # noqa: ANN401 - see Files
        """See `Files`."""
        from storage.datasets.zarr_files import RegularStore  # noqa: PLC0415 - slow to import

        return RegularStore(self._folder, read_only=True)

    def _path(self, path: str) -> str:
        return path_in(self._folder, unescaped(path), self.access)


def unreadable(error: OSError) -> BadImageError:
    """Convert the error of an image's file to a BadImageError.

    Raises
    ------
    EigenwaveError
        If the image is not the cause, because the disk is out of reach.
    """
    if error.errno in AWAY:
        raise EigenwaveError(
            f"{error.filename or 'The dataset'} is out of reach: {error.strerror}; see to the disk or network and run "
            "again, finished work is kept."
        ) from error
    reason = "too large" if error.errno == errno.EFBIG else "unreadable"
    return BadImageError(reason, error.strerror or str(error))


def _entries(folder: str) -> list[os.DirEntry[str]] | None:
    """Files and folders in a folder; None if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # reading the entry reports what is wrong with it


def visible(name: str) -> bool:
    """Whether a file or folder of this name belongs to a dataset."""
    return not name.startswith(HIDDEN) and name not in HIDDEN_FOLDERS


def _stamp(path: str, settled: float) -> bytes | None:
    try:
        return file_stamp(os.stat(path), settled)  # noqa: PTH116
    except OSError:
        return None


def _refuse_circle(folder: str, seen: set[tuple[int, int]]) -> None:
    status = os.stat(folder)  # noqa: PTH116
    place = (status.st_dev, status.st_ino)
    if place in seen:
        raise InputError(f"A link leads to {folder} a second time; remove it, its images would count twice.")
    seen.add(place)


def _escape(name: str) -> str:
    if "\\" not in name and name.isascii():
        return name
    return "".join(
        f"\\x{ord(letter) - 0xDC00:02x}" if "\udc80" <= letter <= "\udcff" else letter
        for letter in name.replace("\\", "\\\\")
    )


def unescaped(path: str) -> str:
    """A path as the operating system has it, from one with escaped bytes."""
    if "\\" not in path:
        return path
    return ESCAPED.sub(lambda match: chr(0xDC00 + int(match[1], 16)) if match[1] else "\\", path)
