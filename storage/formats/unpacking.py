"""Unpack compressed content to an unnamed temporary file, so that parts of it can be read."""

import os
import tempfile
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

CHUNK = 2**20


class Unpacked:
    """Content that is unpacked on first use, up to its expected size and one byte more.

    Parameters
    ----------
    opened
        Opens the stream of unpacked bytes.
    most
        Expected size in bytes. One more byte is unpacked, to detect content that is too long.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[BinaryIO]], most: int) -> None:
        self._opened = opened
        self._most = most
        self._file: BinaryIO | None = None

    def __call__(self, offset: int, length: int) -> bytes:
        """Read bytes of the content; fewer at its end."""
        return os.pread(self._unpacked().fileno(), length, offset)

    def size(self) -> int:
        """Size of the content in bytes, at most one more than expected."""
        return os.fstat(self._unpacked().fileno()).st_size

    def _unpacked(self) -> BinaryIO:
        if self._file is None:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
            weakref.finalize(self, file.close)
            left = self._most + 1
            with self._opened() as stream:
                while left and (chunk := stream.read(min(CHUNK, left))):
                    file.write(chunk)
                    left -= len(chunk)
            file.flush()
            self._file = file
        return self._file
