"""Files of a workspace that appear whole or not at all, wherever it is."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from blake3 import blake3

from storage.stores.store import PART_BYTES, StorePath


def replacing(path: StorePath) -> AbstractContextManager[Path]:
    """A temporary local path whose content takes the place of `path` when the block ends without an error.

    Raises
    ------
    EigenwaveError
        If the disk is full or refuses the write.
    """
    return path.store.replacing(path.key)


def write_file(path: StorePath, *parts: bytes | memoryview) -> None:
    """Write `parts` one after the other as the whole content of `path`."""
    write_parts(path, parts)


def write_parts(path: StorePath, parts: Iterable[bytes | memoryview]) -> None:
    """Write parts that are made one after the other as the whole content of `path`."""
    path.store.write(path.key, parts)


def remove_folder(path: StorePath) -> None:
    """Remove a folder with all that is in it."""
    path.store.delete_folder(path.key)


def remove_partials(folder: StorePath) -> None:
    """Remove what killed writers left in a folder; one that is still alive fails instead of finishing late."""
    for entry in list(folder.store.partials(folder.key)):
        folder.store.delete(entry.key)


def digest_of(path: StorePath) -> str:
    """Hexadecimal BLAKE3 of a file's content."""
    digest = blake3()
    with path.open() as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
    return digest.hexdigest()
