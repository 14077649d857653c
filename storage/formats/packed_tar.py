"""Compressed tar files: each is unpacked once to a plain tar file in the cache, whose parts can be read.

Compressed bytes cannot be read from the middle, so every worker would unpack everything before its images. A file
without a stamp, as on a web server, may change unnoticed: each process unpacks it to a temporary file.
"""

import bz2
import gzip
import hashlib
import logging
import lzma
import os
import shutil
import time
import weakref
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from storage.datasets.files import Files
from storage.datasets.known import CACHE_VARIABLE, alone, cache_folder
from storage.datasets.stamps import file_stamp
from storage.errors import InputError
from storage.formats.tar_index import BLOCK, is_header

OPENERS: dict[str, Any] = {
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}
FOLDER = "unpacked"
CHUNK = 2**22
RESERVE = 2**30  # bytes of the disk to leave free
MIB = 2**20
REPORTED_EVERY_SECONDS = 10
LOGGER = logging.getLogger("eigenwave")


def is_packed(name: str) -> bool:
    """Whether a file is a compressed tar file, by its name."""
    return _ending(name) is not None


def without_packing(name: str) -> str:
    """Name of the plain tar file in a compressed one."""
    return f"{name[: -len(_ending(name) or '')]}.tar" if is_packed(name) else name


def _ending(name: str) -> str | None:
    return next((ending for ending in OPENERS if name.lower().endswith(ending)), None)


class PlainTars:
    """Tar files of a dataset, compressed ones unpacked; like `storage.datasets.files.Files` as far as they need it.

    Parameters
    ----------
    files
        The files of the dataset.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.read_together, self.access = files.read_together, files.access
        self._plain: dict[str, BinaryIO] = {}

    def __str__(self) -> str:
        return str(self._files)

    def stamp(self, path: str) -> bytes | None:
        """Stamp of a file as it is stored."""
        return self._files.stamp(path)

    def local(self, path: str) -> bool:
        """Whether what is read of a file lies on this machine."""
        return is_packed(path) or self._files.local(path) is not None

    def open(self, path: str) -> BinaryIO:
        """A plain tar file to read and seek in."""
        return os.fdopen(os.dup(self._unpacked(path).fileno()), "rb") if is_packed(path) else self._files.open(path)

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """A part of a plain tar file."""
        if not is_packed(path) or length is None:
            return self._files.read(path, offset, length)
        return os.pread(self._unpacked(path).fileno(), length, offset)

    def unpacked_bytes(self, path: str) -> int:
        """Size of a compressed tar file once it is unpacked."""
        return os.fstat(self._unpacked(path).fileno()).st_size

    def _unpacked(self, path: str) -> BinaryIO:
        if path not in self._plain:
            file = self._plain[path] = _from_cache(self._files, path)
            weakref.finalize(self, file.close)
        return self._plain[path]


def _from_cache(files: Files, path: str) -> BinaryIO:
    """The unpacked file; the cache keeps one version of it."""
    version, folder = _version(files, path), cache_folder() / FOLDER
    address = hashlib.sha256(f"{files}/{path}".encode()).hexdigest()[:32]
    partial = folder / f"{address}.partial"
    with alone(folder):
        plain = None if version is None else folder / f"{address}-{hashlib.sha256(version).hexdigest()[:32]}.tar"
        if plain is not None and plain.exists():
            return plain.open("rb")
        for old in folder.glob(f"{address}-*.tar"):
            old.unlink()
        try:
            _unpack(files, path, partial)
            unpacked = partial.open("rb")
            if plain is not None:
                partial.rename(plain)
        finally:
            partial.unlink(missing_ok=True)
        return unpacked


def _version(files: Files, path: str) -> bytes | None:
    """What changes when a file does: its stamp, and on this machine also that of a file that has just changed."""
    local = files.local(path)
    return files.stamp(path) if local is None else file_stamp(local.stat(), float("inf"))


def _unpack(files: Files, path: str, target: Path) -> None:
    where, done, reported = f"{files}/{path}", 0, time.monotonic()
    LOGGER.info("unpacking %s once to the cache %s, so that its parts can be read", where, target.parent)
    try:
        with files.open(path) as packed, OPENERS[_ending(path) or ""](packed) as stream, target.open("wb") as file:
            while chunk := stream.read(CHUNK):
                if not done and not is_header(chunk[:BLOCK]):
                    raise InputError(f"{where} holds no tar file. Give an archive of images.")
                if shutil.disk_usage(target.parent).free < RESERVE + len(chunk):
                    raise InputError(
                        f"There is no room to unpack {where}: after {done / MIB:,.0f} MiB, less than 1 GiB would be "
                        f"left in {target.parent}. Make room, or let {CACHE_VARIABLE} name a folder on another disk."
                    )
                done += file.write(chunk)
                if time.monotonic() - reported > REPORTED_EVERY_SECONDS:
                    reported = time.monotonic()
                    LOGGER.info("unpacking %s: %.0f MiB", where, done / MIB)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(f"{where} is damaged or cut short: {error}. Get it again.") from None
    if not done:
        raise InputError(f"{where} is empty. Get it again.")
