"""A local folder as a store. Files are written under a temporary name, synced to disk, and renamed."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import numpy as np
import numpy.typing as npt

from storage.errors import EigenwaveError, InputError
from storage.stores.private import open_lock
from storage.stores.store import PART_BYTES, Entry

PARTIAL_SUFFIX = ".partial"


class KernelLease:
    """A lock that the kernel keeps. It cannot be lost while the process lives."""

    def require(self) -> None:
        """Do nothing, since the lock is still held."""


@dataclass(frozen=True)
class LocalStore:
    """A folder, by its absolute path; see `storage.stores.store.Store`."""

    folder: Path

    @property
    def address(self) -> str:
        """Absolute path of the folder."""
        return str(self.folder)

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        """Read the file at once, into a new array."""
        return np.fromfile(self.folder / key, np.uint8)

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Read the file in parts that are small enough to stay in the processor's cache."""
        with (self.folder / key).open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != len(content):
                return
            filled = 0
            while read := file.readinto(content[filled : filled + PART_BYTES].data):
                filled += read
                yield filled

    def open(self, key: str) -> BufferedReader:
        """Open the file."""
        return (self.folder / key).open("rb")

    def size(self, key: str) -> int | None:
        """Return the file's size from its directory entry."""
        path = self.folder / key
        return path.stat().st_size if path.is_file() else None

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write a temporary file, sync it, and rename it."""
        with self.replacing(key) as partial, partial.open("wb") as file:
            for part in parts:
                file.write(part)

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """Provide a temporary path in the same folder, renamed to the file at the end."""
        with self._appearing(key) as partial:
            yield partial
            _sync(partial)

    def copy(self, key: str, target: str) -> None:
        """Make a hard link, or a copy if the file system has no links."""
        with self._appearing(target) as partial:
            try:
                os.link(self.folder / key, partial)  # its content was synced when it was written
            except OSError:
                shutil.copyfile(self.folder / key, partial)
                _sync(partial)

    @contextmanager
    def _appearing(self, key: str) -> Iterator[Path]:
        path = self.folder / key
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise EigenwaveError(
                f"{path} cannot be written: {error.strerror or error}; free some space or fix the permission and run "
                "again; finished work is kept."
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink()

    def delete(self, key: str) -> None:
        """Unlink the file."""
        (self.folder / key).unlink(missing_ok=True)

    def delete_folder(self, key: str) -> None:
        """Remove the folder and its content."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder / key)

    def files(self, folder: str) -> Iterator[Entry]:
        """Walk the folder, without partial files."""
        return (entry for entry in self._walk(folder) if not entry.key.endswith(PARTIAL_SUFFIX))

    def partials(self, folder: str) -> Iterator[Entry]:
        """Walk the folder, for partial files only."""
        return (entry for entry in self._walk(folder) if entry.key.endswith(PARTIAL_SUFFIX))

    def folders(self, folder: str) -> list[str]:
        """List the folder."""
        path = self.folder / folder
        return sorted(child.name for child in path.iterdir() if child.is_dir()) if path.is_dir() else []

    def is_dir(self, folder: str) -> bool:
        """Whether the folder exists, even if it is empty."""
        return (self.folder / folder).is_dir()

    def free(self) -> int | None:
        """Free bytes of the disk for this user."""
        return shutil.disk_usage(self.folder).free

    def require_usable(self) -> None:
        """Write and remove a file."""
        probe = self.folder / f".probe-{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
            next(self.folder.iterdir(), None)
        except OSError as error:
            raise self._unusable(error) from None

    @contextmanager
    def lock(self, key: str) -> Iterator[KernelLease]:
        """Lock the file. The kernel releases the lock when its owner dies, so a killed run needs no cleanup."""
        try:
            opened = open_lock(self.folder / key)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InputError(f"The lock {self.folder / key} is a link; remove it and run again.") from None
            raise self._unusable(error) from None
        with opened as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                owner = file.read().strip() or "another process"
                raise InputError(
                    f"The workspace {self.folder} is in use by {owner}; wait for it or choose another with --workspace."
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            try:
                yield KernelLease()
            finally:
                # Closing is not enough: a process that is started at this moment may hold the file for a while too.
                fcntl.flock(file, fcntl.LOCK_UN)

    def zarr(self, key: str) -> str:
        """The path of the array's folder."""
        return str(self.folder / key)

    def _unusable(self, error: OSError) -> InputError:
        return InputError(
            f"The workspace {self.folder} cannot be used: {error.strerror}; choose another with --workspace."
        )

    def _walk(self, folder: str) -> Iterator[Entry]:
        found = os.walk(self.folder / folder)
        for path in sorted((Path(parent, name) for parent, _, names in found for name in names), key=Path.as_posix):
            with suppress(FileNotFoundError):  # a writer has renamed its partial file meanwhile
                status = path.stat()
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield Entry(path.relative_to(self.folder).as_posix(), status.st_size, modified)


# On macOS fsync leaves bytes in the disk's own cache, and this command does not.
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _FULL_SYNC is None:
            os.fsync(descriptor)
        else:
            fcntl.fcntl(descriptor, _FULL_SYNC)
    finally:
        os.close(descriptor)
