"""A prefix of an object store as a store: S3, Google Cloud Storage or Azure, through obstore.

Credentials come from the environment or from the role of the machine, never from an address or a setting, and are
not part of what is pickled: workers are given the address and find their own.
"""

import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import obstore
from obstore.exceptions import BaseError

from storage.errors import EigenwaveError, InputError
from storage.stores.lease import ObjectLease
from storage.stores.store import Entry

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

WHOLE = 8 * 2**20  # bytes sent as one request; more goes in parts of this size, and still appears as one object
AT_ONCE = 4  # parts on their way at the same time
DELETED_AT_ONCE = 1000
CUT_SHORT = "body error"  # what obstore says of an answer that ended before its end
CUT_SHORT_TRIES = 4
# And of a range that begins where the object has ended: by the store, or by obstore if that answers all the same.
BEHIND_END = ("status code: 416", "Wanted range starting at")
RECEIVED = 2**20  # bytes of an answer taken together: four such pieces and more are on their way at the same time
READ_AHEAD = 2**20  # bytes asked for at least when a file is read in parts
RETRY: "RetryConfig" = {"max_retries": 8, "retry_timeout": timedelta(minutes=2)}
CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=10),
    "timeout": timedelta(seconds=60),
    "allow_http": True,  # for servers in one's own network; only an endpoint in the environment can be one
}


T = TypeVar("T")


@dataclass(frozen=True)
class ObjectStore:
    """All objects below an address such as s3://bucket/prefix; see `storage.stores.store.Store`."""

    address: str

    @cached_property
    def _objects(self) -> obstore.store.ObjectStore:
        return _client(self.address)

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        """One request, received into one array."""
        return self._tried(key, "read", lambda: _received(self._objects, key))

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """One request, received whole: it may have to be made again."""
        received = self._tried(key, "read", lambda: _received(self._objects, key, content))
        yield len(received)

    def open(self, key: str) -> io.BufferedReader:
        """Requests for ranges."""
        size = self._tried(key, "read", lambda: obstore.head(self._objects, key)["size"])
        return io.BufferedReader(_Ranges(self, key, size), READ_AHEAD)

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Some of the bytes of an object; less at its end."""
        try:
            return self._tried(
                key, "read", lambda: obstore.get_range(self._objects, key, start=start, end=end).to_bytes()
            )
        except BehindEndError:
            return b""

    def size(self, key: str) -> int | None:
        """Ask for the object's header."""
        try:
            return self.entry(key).size
        except FileNotFoundError:
            return None

    def entry(self, key: str) -> Entry:
        """What listing tells of an object."""
        return self._tried(key, "read", lambda: _entry(obstore.head(self._objects, key)))

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """One object, in one request or in parts."""
        parts = list(parts)
        small = sum(len(part) for part in parts) <= WHOLE
        content = b"".join(parts) if small else iter(parts)
        with self._telling(key, "written"):
            obstore.put(self._objects, key, content, use_multipart=not small, chunk_size=WHOLE, max_concurrency=AT_ONCE)

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """A temporary local file, sent at the end."""
        with tempfile.TemporaryDirectory(prefix="eigenwave-") as folder:
            path = Path(folder, "partial")
            yield path
            with self._telling(key, "written"):
                obstore.put(self._objects, key, path, chunk_size=WHOLE, max_concurrency=AT_ONCE)

    def copy(self, key: str, target: str) -> None:
        """A copy made by the store itself."""
        self._tried(target, "written", lambda: obstore.copy(self._objects, key, target))

    def delete(self, key: str) -> None:
        """Delete the object."""
        with suppress(FileNotFoundError):
            self._tried(key, "removed", lambda: obstore.delete(self._objects, key))

    def delete_folder(self, key: str) -> None:
        """Delete all objects below a prefix."""
        keys = [entry.key for entry in self.files(key)]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = keys[start : start + DELETED_AT_ONCE]
            self._tried(key, "removed", partial(obstore.delete, self._objects, some))

    def files(self, folder: str) -> Iterator[Entry]:
        """List the prefix."""
        found = self._tried(
            folder,
            "listed",
            lambda: [entry for entries in obstore.list(self._objects, folder or None) for entry in entries],
        )
        found.sort(key=lambda entry: entry["path"])
        return map(_entry, found)

    def folders(self, folder: str) -> list[str]:
        """List the prefix down to the next slash."""
        listed = self._tried(folder, "listed", lambda: obstore.list_with_delimiter(self._objects, folder or None))
        return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in listed["common_prefixes"])

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted."""
        with self._telling(folder, "listed"):
            found = obstore.list_with_delimiter(self._objects, f"{folder}/" if folder else None)["objects"]
        return sorted(entry["path"].rsplit("/", 1)[-1] for entry in found)

    def is_dir(self, folder: str) -> bool:
        """Whether there is an object below it."""
        return self._tried(
            folder, "listed", lambda: any(len(some) for some in obstore.list(self._objects, folder, chunk_size=1))
        )

    def partials(self, folder: str) -> Iterator[Entry]:  # noqa: ARG002 - see Store
        """Nothing: an object that was not sent whole is not there."""
        return iter(())

    def free(self) -> int | None:
        """There is no end to it."""
        return None

    def require_usable(self) -> None:
        """Write, list and remove an object."""
        probe = f".probe-{os.urandom(8).hex()}"
        try:
            self.write(probe, [])
            self.folders("")
            self.delete(probe)
        except (EigenwaveError, FileNotFoundError) as error:
            raise InputError(f"The workspace {self.address} cannot be used: {error}") from None

    @contextmanager
    def lock(self, key: str) -> Iterator[ObjectLease]:
        """Hold a lock object; see `storage.stores.lease`."""
        with self._telling(key, "written"):
            lease = ObjectLease(self._objects, key, self.address, partial(self._telling, key, "written"))
        try:
            yield lease
        finally:
            with self._telling(key, "written"):
                lease.release()

    def zarr(self, key: str) -> Any:  # noqa: ANN401 - see Store
        """A store of its own for the array, so that zarr writes nothing above it."""
        from storage.stores.zarr import ZarrStore  # noqa: PLC0415 - only who opens arrays needs zarr

        return ZarrStore(_client(f"{self.address}/{key}"), partial(self._telling, key, "read"))

    def _tried(self, key: str, done: str, operation: Callable[[], T]) -> T:
        """Do what can be done again, again if its answer is cut short: obstore repeats requests, not half answers."""
        for _ in range(CUT_SHORT_TRIES):
            with suppress(CutShortError), self._telling(key, done):
                return operation()
        with self._telling(key, done):
            return operation()

    @contextmanager
    def _telling(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if done in {"read", "removed"}:
                raise
            raise EigenwaveError(f"{self.address} is not there; make the bucket or container first.") from None
        except (BaseError, OSError) as error:
            kind, reason = _kind(error), _reason(error)
            # Who pickles an error, as Dask does, pickles what it came from, and an answer may repeat credentials.
            error.args = (reason,)
            raise kind(
                f"{self.address}/{key} cannot be {done}: {reason}; see to access and network and run again, "
                "finished work is kept."
            ) from None


class CutShortError(EigenwaveError):
    """An answer that ended before its end."""


class BehindEndError(EigenwaveError):
    """A range that begins behind the end of an object."""


def _kind(error: Exception) -> type[EigenwaveError]:
    kinds = {CUT_SHORT: CutShortError, **dict.fromkeys(BEHIND_END, BehindEndError)}
    return next((kind for words, kind in kinds.items() if words in str(error)), EigenwaveError)


def _entry(found: "obstore.ObjectMeta") -> Entry:
    return Entry(found["path"], found["size"], found["last_modified"], found["e_tag"])


def _received(
    objects: obstore.store.ObjectStore, key: str, content: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """The content of an object, received into an array if it has that size; nothing if it has another."""
    answer = obstore.get(objects, key)
    size, filled = answer.meta["size"], 0
    if content is None:
        content = np.empty(size, np.uint8)
    elif len(content) != size:
        return content[:0]
    for part in answer.stream(RECEIVED):
        content[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    return content


class _Ranges(io.RawIOBase):
    """An object as a file, read by ranges."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store, self._key, self._size, self._position = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - anything that can be written to
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        content = self._store.read_range(self._key, self._position, end)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def _client(address: str) -> obstore.store.ObjectStore:
    try:
        return obstore.store.from_url(address, client_options=CLIENT, retry_config=RETRY)
    except (BaseError, ValueError) as error:
        raise InputError(f"The address {address} cannot be used: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """What the store answered, without the request: its address may be a signed one."""
    first = re.sub(r"\?\S*", "", str(error).split("\n", 1)[0])
    answer = re.search(r"status code: ([^:]+)|error sending request|(operation timed out)", first)
    return (answer and (answer[1] or answer[0])) or first.rstrip(".")
