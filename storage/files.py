"""Files that appear whole or not at all."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import EigenwaveError

PARTIAL_SUFFIX = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place, synced to disk, when the block ends without an error.

    Raises
    ------
    EigenwaveError
        If the disk is full or refuses the write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise EigenwaveError(
            f"{path} cannot be written: {error.strerror or error}; make room or fix the permission and run again, "
            "finished work is kept."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def write_file(path: Path, *parts: bytes | memoryview) -> None:
    """Write `parts` one after the other as the whole content of `path`."""
    with replacing(path) as partial, partial.open("wb") as file:
        for part in parts:
            file.write(part)


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left in a folder; one that is still alive fails instead of finishing late."""
    for partial in folder.rglob(f"*{PARTIAL_SUFFIX}"):
        partial.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
