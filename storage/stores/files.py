"""Write files of a workspace, local or in an object store, so that they appear whole or not at all."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from blake3 import blake3

from storage.stores.store import PART_BYTES, StorePath


def replacing(path: StorePath) -> AbstractContextManager[Path]:
    """Provide a temporary local path whose content replaces that of `path` when the block ends without an error.

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
    """Write the parts, as the iterable yields them, as the whole content of `path`."""
    path.store.write(path.key, parts)


def remove_folder(path: StorePath) -> None:
    """Remove a folder with its content."""
    path.store.delete_folder(path.key)


def remove_partials(folder: StorePath) -> None:
    """Remove the partial files of killed writers in a folder.

    A writer that is still alive then fails, so it cannot finish late.
    """
    for entry in list(folder.store.partials(folder.key)):
        folder.store.delete(entry.key)


def digest_of(path: StorePath) -> str:
    """Compute the hexadecimal BLAKE3 of a file's content."""
    digest = blake3()
    with path.open() as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
    return digest.hexdigest()
