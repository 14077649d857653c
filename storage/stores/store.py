"""What a workspace's bytes lie in: a few verbs that a local folder and an object store both have, and paths in it."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

PART_BYTES = 2**18  # of large files, written or read at once: what comes next finds them in the cache


class Entry(NamedTuple):
    """A file in a store: its key, its bytes, when it was last written (UTC), and what an object store tags it with."""

    key: str
    size: int
    modified: datetime
    tag: str | None = None


class Store(Protocol):
    """Files by key: names joined by forward slashes, below the store's address.

    A file appears whole or not at all, and stays when the process dies. Everything raises EigenwaveError if the store
    refuses, and reading raises FileNotFoundError if there is no such file.

    Attributes
    ----------
    address
        Absolute path of a folder, or URL.
    """

    @property
    def address(self) -> str:
        """Where the store is."""
        ...

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        """The whole content, in an array of its own."""
        ...

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Fill an array of the file's size with its content, giving after each part how much is there by then.

        It ends before the array is full if the file is of another size.
        """
        ...

    def open(self, key: str) -> BufferedReader:
        """The content as a file that can be read in parts."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes of a file, None if there is none."""
        ...

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Make parts, one after the other, the content of a file."""
        ...

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A temporary local path whose content becomes the file's when the block ends without an error."""
        ...

    def copy(self, key: str, target: str) -> None:
        """Give an existing file a second name, sharing its bytes where the store can."""
        ...

    def delete(self, key: str) -> None:
        """Remove a file, if there is one."""
        ...

    def delete_folder(self, key: str) -> None:
        """Remove a folder with all that is in it, if there is one."""
        ...

    def files(self, folder: str) -> Iterator[Entry]:
        """All files below a folder, however deep, in the order of their keys."""
        ...

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        ...

    def is_dir(self, folder: str) -> bool:
        """Whether there is such a folder."""
        ...

    def partials(self, folder: str) -> Iterator[Entry]:
        """What writers that were killed, or are still writing, have below a folder; `files` leaves it out."""
        ...

    def free(self) -> int | None:
        """Bytes that can still be written; None if there is no telling, as in object stores."""
        ...

    def require_usable(self) -> None:
        """Make sure that the store can be written and listed.

        Raises
        ------
        InputError
            If it cannot, with the reason.
        """
        ...

    def lock(self, key: str) -> AbstractContextManager["Lease"]:
        """Be the one writer of the store.

        Raises
        ------
        InputError
            If another process is; the sentence names it.
        """
        ...

    def zarr(self, key: str) -> Any:  # noqa: ANN401 - anything that zarr opens
        """What zarr takes as the store of the array in a folder."""
        ...


class Lease(Protocol):
    """A lock that is held."""

    def require(self) -> None:
        """Make sure that it is still held.

        Raises
        ------
        EigenwaveError
            If another process took it over; the sentence names it.
        """
        ...


@dataclass(frozen=True)
class StorePath:
    """A file or folder in a store, whether there is anything or not; verbs are those of pathlib."""

    store: Store
    key: str = ""

    def __str__(self) -> str:
        return f"{self.store.address}/{self.key}" if self.key else self.store.address

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.store, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return str(self).rsplit("/", 1)[-1]

    def relative_to(self, folder: Self) -> str:
        """The path below a folder of the same store."""
        return self.key.removeprefix(f"{folder.key}/" if folder.key else "")

    def is_below(self, folder: Self) -> bool:
        """Whether the path leads through a folder of the same store."""
        return self.key.startswith(f"{folder.key}/")

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.store.size(self.key) is not None

    def is_dir(self) -> bool:
        """Whether there is a folder."""
        return self.store.is_dir(self.key)

    def size(self) -> int | None:
        """Bytes of the file, None if there is none."""
        return self.store.size(self.key)

    def read(self) -> npt.NDArray[np.uint8]:
        """The file's content, without a copy."""
        return self.store.read(self.key)

    def read_into(self, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Fill an array with the file's content part by part; see `Store.read_into`."""
        return self.store.read_into(self.key, content)

    def read_bytes(self) -> bytes:
        """The file's content."""
        return self.read().tobytes()

    def open(self) -> BufferedReader:
        """The file for reading in parts."""
        return self.store.open(self.key)

    def files(self) -> list[Self]:
        """All files below this folder, however deep, sorted."""
        return [type(self)(self.store, entry.key) for entry in self.store.files(self.key)]

    def unlink(self) -> None:
        """Remove the file, if there is one."""
        self.store.delete(self.key)
