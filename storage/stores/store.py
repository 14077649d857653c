"""The interface of a store, which a local folder and an object store both implement, and paths in a store."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

PART_BYTES = 2**18  # bytes of a large file written or read at once, so that the next step finds them in the cache


class Entry(NamedTuple):
    """A file in a store: its key, its size in bytes, its last change (UTC), and its tag in an object store."""

    key: str
    size: int
    modified: datetime
    tag: str | None = None


class Store(Protocol):
    """Files below the store's address by key. A key is names joined by forward slashes.

    A file appears whole or not at all, and stays when the process dies. Every method raises EigenwaveError if the store
    refuses, and reading raises FileNotFoundError if there is no such file.

    Attributes
    ----------
    address
        Absolute path of a folder, or a URL.
    """

    @property
    def address(self) -> str:
        """Absolute path of a folder, or a URL."""
        ...

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        """Return the whole content in a new array."""
        ...

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Fill an array of the file's size with its content; yield the number of bytes read so far after each part.

        If the file has another size, the iterator ends before the array is full.
        """
        ...

    def open(self, key: str) -> BufferedReader:
        """Open the file to read it in parts."""
        ...

    def size(self, key: str) -> int | None:
        """Size of a file in bytes, or None if it does not exist."""
        ...

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write the parts, one after the other, as the content of a file."""
        ...

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """Provide a temporary local path whose content becomes the file's when the block ends without an error."""
        ...

    def copy(self, key: str, target: str) -> None:
        """Copy a file to a second key; the two share their bytes if the store allows it."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file, if it exists."""
        ...

    def delete_folder(self, key: str) -> None:
        """Remove a folder with its content, if it exists."""
        ...

    def files(self, folder: str) -> Iterator[Entry]:
        """Yield all files below a folder, at any depth, in the order of their keys."""
        ...

    def folders(self, folder: str) -> list[str]:
        """List the names of the folders directly in a folder, sorted."""
        ...

    def is_dir(self, folder: str) -> bool:
        """Whether the folder exists."""
        ...

    def partials(self, folder: str) -> Iterator[Entry]:
        """Yield the unfinished files below a folder, of killed or running writers. `files` leaves them out."""
        ...

    def free(self) -> int | None:
        """Bytes that can still be written, or None if unknown, as in object stores."""
        ...

    def require_usable(self) -> None:
        """Check that the store can be written and listed.

        Raises
        ------
        InputError
            If it cannot; the message has the reason.
        """
        ...

    def lock(self, key: str) -> AbstractContextManager["Lease"]:
        """Lock the store for one writer.

        Raises
        ------
        InputError
            If another process holds the lock; the message names it.
        """
        ...

    def zarr(self, key: str) -> Any:  # noqa: ANN401 - anything that zarr opens
        """Return an object that zarr accepts as the store of the array in a folder."""
        ...


class Lease(Protocol):
    """A lock that is held."""

    def require(self) -> None:
        """Check that the lock is still held.

        Raises
        ------
        TakenOverError
            If another process took it over; the message names it.
        EigenwaveError
            If the store does not answer.
        """
        ...


@dataclass(frozen=True)
class StorePath:
    """A path in a store. It need not exist; the methods are named as in pathlib."""

    store: Store
    key: str = ""

    def __str__(self) -> str:
        return f"{self.store.address}/{self.key}" if self.key else self.store.address

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.store, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return str(self).rsplit("/", 1)[-1]

    def relative_to(self, folder: Self) -> str:
        """The rest of the path below a folder of the same store."""
        return self.key.removeprefix(f"{folder.key}/" if folder.key else "")

    def is_below(self, folder: Self) -> bool:
        """Whether the path lies below a folder of the same store."""
        return self.key.startswith(f"{folder.key}/")

    def exists(self) -> bool:
        """Whether the file exists."""
        return self.store.size(self.key) is not None

    def is_dir(self) -> bool:
        """Whether the folder exists."""
        return self.store.is_dir(self.key)

    def size(self) -> int | None:
        """Size of the file in bytes, or None if it does not exist."""
        return self.store.size(self.key)

    def read(self) -> npt.NDArray[np.uint8]:
        """Return the file's content as an array."""
        return self.store.read(self.key)

    def read_into(self, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Fill an array with the file's content part by part; see `Store.read_into`."""
        return self.store.read_into(self.key, content)

    def read_bytes(self) -> bytes:
        """Return the file's content as bytes."""
        return self.read().tobytes()

    def open(self) -> BufferedReader:
        """Open the file to read it in parts."""
        return self.store.open(self.key)

    def files(self) -> list[Self]:
        """List all files below this folder, at any depth, sorted."""
        return [type(self)(self.store, entry.key) for entry in self.store.files(self.key)]

    def unlink(self) -> None:
        """Remove the file, if it exists."""
        self.store.delete(self.key)
