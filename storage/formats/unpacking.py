"""Compressed content, unpacked to an unnamed temporary file so that parts of it can be read."""

import os
import tempfile
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

CHUNK = 2**20


class Unpacked:
    """Content that is unpacked when it is first read, and not beyond what it should have.

    Parameters
    ----------
    opened
        Opens the stream that unpacks it.
    most
        Bytes it should have: one more is unpacked, to show that there are too many.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[BinaryIO]], most: int) -> None:
        self._opened = opened
        self._most = most
        self._file: BinaryIO | None = None

    def __call__(self, offset: int, length: int) -> bytes:
        """Bytes of the content; less at its end."""
        return os.pread(self._unpacked().fileno(), length, offset)

    def size(self) -> int:
        """Bytes of the content, at most one more than it should have."""
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
