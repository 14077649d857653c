"""A local folder as a store: files are written beside their place, synced to disk, and renamed."""

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
from storage.stores.store import PART_BYTES, Entry

PARTIAL_SUFFIX = ".partial"


class KernelLease:
    """A lock that the kernel keeps: as long as the process lives it cannot be lost."""

    def require(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class LocalStore:
    """A folder, by its absolute path; see `storage.stores.store.Store`."""

    folder: Path

    @property
    def address(self) -> str:
        """Absolute path of the folder."""
        return str(self.folder)

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        """One read into fresh memory."""
        return np.fromfile(self.folder / key, np.uint8)

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Part by part, each small enough to be in the cache when it is there."""
        with (self.folder / key).open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != len(content):
                return
            filled = 0
            while read := file.readinto(content[filled : filled + PART_BYTES].data):
                filled += read
                yield filled

    def open(self, key: str) -> BufferedReader:
        """The file itself."""
        return (self.folder / key).open("rb")

    def size(self, key: str) -> int | None:
        """What the folder says."""
        path = self.folder / key
        return path.stat().st_size if path.is_file() else None

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write, sync, rename."""
        with self.replacing(key) as partial, partial.open("wb") as file:
            for part in parts:
                file.write(part)

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """A path beside the file, renamed to it at the end."""
        with self._appearing(key) as partial:
            yield partial
            _sync(partial)

    def copy(self, key: str, target: str) -> None:
        """A hard link, or a copy where the disk has none."""
        with self._appearing(target) as partial:
            try:
                os.link(self.folder / key, partial)  # what it names was synced when it was written
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
                f"{path} cannot be written: {error.strerror or error}; make room or fix the permission and run again, "
                "finished work is kept."
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink()

    def delete(self, key: str) -> None:
        """Unlink."""
        (self.folder / key).unlink(missing_ok=True)

    def delete_folder(self, key: str) -> None:
        """Remove the folder."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder / key)

    def files(self, folder: str) -> Iterator[Entry]:
        """Walk the folder."""
        return (entry for entry in self._walk(folder) if not entry.key.endswith(PARTIAL_SUFFIX))

    def partials(self, folder: str) -> Iterator[Entry]:
        """Walk the folder."""
        return (entry for entry in self._walk(folder) if entry.key.endswith(PARTIAL_SUFFIX))

    def folders(self, folder: str) -> list[str]:
        """List the folder."""
        path = self.folder / folder
        return sorted(child.name for child in path.iterdir() if child.is_dir()) if path.is_dir() else []

    def is_dir(self, folder: str) -> bool:
        """Also an empty one."""
        return (self.folder / folder).is_dir()

    def free(self) -> int | None:
        """What the disk has left for this user."""
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
        """Lock the file; the kernel frees it when its owner dies, so a killed run needs no cleaning up."""
        try:
            opened = (self.folder / key).open("a+", encoding="utf-8")
        except OSError as error:
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
            yield KernelLease()

    def zarr(self, key: str) -> str:
        """Its path."""
        return str(self.folder / key)

    def _unusable(self, error: OSError) -> InputError:
        return InputError(
            f"The workspace {self.folder} cannot be used: {error.strerror}; choose another with --workspace."
        )

    def _walk(self, folder: str) -> Iterator[Entry]:
        found = os.walk(self.folder / folder)
        for path in sorted((Path(parent, name) for parent, _, names in found for name in names), key=Path.as_posix):
            with suppress(FileNotFoundError):  # a writer has finished meanwhile
                status = path.stat()
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield Entry(path.relative_to(self.folder).as_posix(), status.st_size, modified)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
