"""Unpack compressed content to an unnamed temporary file, so that parts of it can be read."""

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

from storage.errors import InputError

CHUNK = 2**20
MOST_EXPANSION = 1032  # of Deflate (zlib's technical details)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Unpacked:
    """Content that is unpacked on first use, up to its expected size and one byte more.

    Parameters
    ----------
    opened
        Opens the stream of unpacked bytes.
    most
        Expected size in bytes. One more byte is unpacked, to detect content that is too long.
    name, packed
        Name of the content for messages, and its packed size in bytes.
    """

    def __init__(
        self, opened: Callable[[], AbstractContextManager[BinaryIO]], most: int, name: str, packed: int
    ) -> None:
        self._opened = opened
        self._most = most
        self._name, self._packed = name, packed
        self._file: BinaryIO | None = None

    def __call__(self, offset: int, length: int) -> bytes:
        """Read bytes of the content; fewer at its end."""
        return os.pread(self.file().fileno(), length, offset)

    def size(self) -> int:
        """Size of the content in bytes, at most one more than expected."""
        return os.fstat(self.file().fileno()).st_size

    def file(self) -> BinaryIO:
        """The unpacked content as a file."""
        if self._file is None:
            self._require_room(min(self._most, MOST_EXPANSION * self._packed))
            file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
            weakref.finalize(self, file.close)
            try:
                self._unpack(file)
            except OSError as error:
                if error.errno in FULL:
                    raise self._no_room() from None
                raise
            self._file = file
        return self._file

    def _unpack(self, file: BinaryIO) -> None:
        left = self._most + 1
        with self._opened() as stream:
            while left and (chunk := stream.read(min(CHUNK, left))):
                file.write(chunk)
                left -= len(chunk)
        file.flush()

    def _require_room(self, needed: int) -> None:
        """Refuse content that the temporary folder has no room for, before anything is written."""
        if shutil.disk_usage(tempfile.gettempdir()).free < needed:
            raise self._no_room()

    def _no_room(self) -> InputError:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        return InputError(
            f"{self._name} is unpacked to {self._most:,} bytes by each process, but {folder} has {free:,} bytes left; "
            "set TMPDIR to a folder with more room, or unpack the file yourself."
        )
