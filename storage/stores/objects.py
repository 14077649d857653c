"""A prefix of an object store (S3, Google Cloud Storage or Azure) as a store, through obstore.

Credentials come from the environment or from the machine's role, never from an address or a setting. They are not
pickled: workers receive the address and use their own credentials.
"""

import errno
import io
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
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

WHOLE = 8 * 2**20  # bytes sent as one request; larger objects are sent in parts of this size and still appear whole
AT_ONCE = 4  # parts sent at the same time
DELETED_AT_ONCE = 1000
CUT_SHORT = "body error"  # obstore's words for a response that ended early
CUT_SHORT_TRIES = 4
# The words for a range that starts behind the end of an object: the store's, or obstore's if the store answers it.
BEHIND_END = ("status code: 416", "Wanted range starting at")
RECEIVED = 2**20  # bytes of a response received at once; at least four such pieces are on their way at the same time
READ_AHEAD = 2**20  # least bytes of a request when a file is read in parts
# Pauses between requests grow at random and slowly, so their number would end them after two seconds.
PATIENT: "RetryConfig" = {"max_retries": 1000, "retry_timeout": timedelta(minutes=2)}
# The address of a store that never answered may be wrong.
BRIEF: "RetryConfig" = {"max_retries": 8, "retry_timeout": timedelta(minutes=2)}
CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=10),
    "timeout": timedelta(seconds=60),
    "allow_http": True,  # for servers in a private network; only an endpoint set in the environment can use it
}


T = TypeVar("T")


@dataclass(frozen=True)
class ObjectStore:
    """All objects below an address such as s3://bucket/prefix; see `storage.stores.store.Store`."""

    address: str

    @cached_property
    def _contact(self) -> "_Contact":
        return _Contact(self.address)

    @property
    def _objects(self) -> obstore.store.ObjectStore:
        return self._contact.client

    def read(self, key: str, require_size: Callable[[int], None] = lambda _: None) -> npt.NDArray[np.uint8]:
        """Read the object with one request into one array, unless `require_size` refuses its size."""
        return self._tried(key, "read", lambda: _received(self._objects, key, require_size=require_size))

    def read_into(self, key: str, content: npt.NDArray[np.uint8]) -> Iterator[int]:
        """Read the object with one request, and yield once at the end, since the request may have to be repeated."""
        received = self._tried(key, "read", lambda: _received(self._objects, key, content))
        yield len(received)

    def open(self, key: str) -> io.BufferedReader:
        """Open the object as a file that requests ranges."""
        size = self._tried(key, "read", lambda: obstore.head(self._objects, key)["size"])
        return io.BufferedReader(_Ranges(self, key, size), READ_AHEAD)

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Read bytes `start` to `end` of an object; fewer if it ends before."""
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
        """The object's entry, as `files` yields it."""
        return self._tried(key, "read", lambda: _entry(obstore.head(self._objects, key)))

    def write(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write the object in one request, or in parts if it is large."""
        parts = list(parts)
        small = sum(len(part) for part in parts) <= WHOLE

        def put() -> None:
            content = b"".join(parts) if small else iter(parts)
            obstore.put(self._objects, key, content, use_multipart=not small, chunk_size=WHOLE, max_concurrency=AT_ONCE)

        self._tried(key, "written", put)

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """Provide a temporary local file, which is sent at the end."""
        with tempfile.TemporaryDirectory(prefix="eigenwave-") as folder:
            path = Path(folder, "partial")
            yield path
            self._tried(
                key,
                "written",
                lambda: obstore.put(self._objects, key, path, chunk_size=WHOLE, max_concurrency=AT_ONCE),
            )

    def copy(self, key: str, target: str) -> None:
        """Let the store copy the object."""
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
        listed = self._tried(
            folder, "listed", lambda: obstore.list_with_delimiter(self._objects, f"{folder}/" if folder else None)
        )
        return sorted(entry["path"].rsplit("/", 1)[-1] for entry in listed["objects"])

    def is_dir(self, folder: str) -> bool:
        """Whether there is an object below the folder's prefix."""
        return self._tried(
            folder, "listed", lambda: any(len(some) for some in obstore.list(self._objects, folder, chunk_size=1))
        )

    def partials(self, folder: str) -> Iterator[Entry]:  # noqa: ARG002 - see Store
        """Yield nothing, since an object that was not sent whole does not exist."""
        return iter(())

    def free(self) -> int | None:
        """None, since an object store has no limit."""
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
        with self._translating(key, "written"):
            lease = ObjectLease(_client(self.address), key, self.address, partial(self._translating, key, "written"))
        try:
            yield lease
        except BaseException:
            with suppress(EigenwaveError), self._translating(key, "written"):  # what ended the block says more
                lease.release()
            raise
        with self._translating(key, "written"):
            lease.release()

    def zarr(self, key: str) -> Any:  # noqa: ANN401 - see Store
        """Return a store for the array alone, so that zarr writes nothing above it."""
        from storage.stores.zarr import ZarrStore  # noqa: PLC0415 - zarr is slow to import

        return ZarrStore(_client(f"{self.address}/{key}"), partial(self._awaited, key, "read"))

    def _tried(self, key: str, done: str, operation: Callable[[], T]) -> T:
        """Repeat an operation whose response was cut short; obstore only repeats failed requests."""
        for _ in range(CUT_SHORT_TRIES):
            with suppress(CutShortError), self._translating(key, done):
                return self._contact.answered(operation())
        with self._translating(key, done):
            return self._contact.answered(operation())

    async def _awaited(self, key: str, done: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Do what `_tried` does, for an operation that is awaited."""
        for _ in range(CUT_SHORT_TRIES):
            with suppress(CutShortError), self._translating(key, done):
                return await operation()
        with self._translating(key, done):
            return await operation()

    @contextmanager
    def _translating(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if done in {"read", "removed"}:
                raise
            raise EigenwaveError(f"{self.address} does not exist; create the bucket or container first.") from None
        except (BaseError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EFBIG:
                raise
            kind, reason = _kind(error), _reason(error)
            # Dask pickles an error with its cause, and the store's response may repeat credentials.
            error.args = (reason,)
            raise kind(
                f"{self.address}/{key} cannot be {done}: {reason}; check access and network and run again; finished "
                "work is kept."
            ) from None


class _Contact:
    """The client of an address: a patient one as soon as the store has answered."""

    def __init__(self, address: str) -> None:
        self._address, self._patient = address, False
        self.client = _client(address, BRIEF)

    def answered(self, answer: T) -> T:
        """Note that the store has answered, and return the answer."""
        if not self._patient:
            self.client, self._patient = _client(self._address), True
        return answer


class CutShortError(EigenwaveError):
    """A response ended early."""


class BehindEndError(EigenwaveError):
    """The requested range starts behind the end of the object."""


def _kind(error: Exception) -> type[EigenwaveError]:
    kinds = {CUT_SHORT: CutShortError, **dict.fromkeys(BEHIND_END, BehindEndError)}
    return next((kind for words, kind in kinds.items() if words in str(error)), EigenwaveError)


def _entry(found: "obstore.ObjectMeta") -> Entry:
    return Entry(found["path"], found["size"], found["last_modified"], found["e_tag"])


def _received(
    objects: obstore.store.ObjectStore,
    key: str,
    content: npt.NDArray[np.uint8] | None = None,
    require_size: Callable[[int], None] = lambda _: None,
) -> npt.NDArray[np.uint8]:
    """Read an object, into the array `content` if one is passed.

    If the object's size differs from that of `content`, the result is empty.
    """
    answer = obstore.get(objects, key)
    size, filled = answer.meta["size"], 0
    require_size(size)
    if content is None:
        content = np.empty(size, np.uint8)
    elif len(content) != size:
        return content[:0]
    for part in answer.stream(RECEIVED):
        content[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    return content


class _Ranges(io.RawIOBase):
    """An object as a file that is read by ranges."""

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


def _client(address: str, retry: "RetryConfig" = PATIENT) -> obstore.store.ObjectStore:
    try:
        return obstore.store.from_url(address, client_options=CLIENT, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise InputError(f"The address {address} cannot be used: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """The store's response without the request's address, which may be signed."""
    first = re.sub(r"\?\S*", "", str(error).split("\n", 1)[0])
    answer = re.search(r"status code: ([^:]+)|error sending request|(operation timed out)", first)
    return (answer and (answer[1] or answer[0])) or first.rstrip(".")
