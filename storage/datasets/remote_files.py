"""Files of a dataset in an object store or on a web server."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from storage.datasets.access import DEFAULT, require_size
from storage.datasets.files import unreadable, visible
from storage.datasets.findings import Tally
from storage.datasets.stamps import object_stamp, settled_before
from storage.errors import BadImageError, InputError
from storage.setting_groups import Access
from storage.stores.objects import ObjectStore

AT_ONCE = 32  # concurrent requests
WEB = re.compile(r"https?://")


class RemoteFiles:
    """Files below a URL; see `storage.datasets.files.Files`."""

    read_together = 4 * 2**20  # takes long compared with the time until an answer begins

    def __init__(self, address: str, access: Access = DEFAULT) -> None:
        self._store = ObjectStore(address)
        self.access = access
        self.links, self.closed = Tally(), Tally()  # object stores have neither

    def __str__(self) -> str:
        return self._store.address

    def folders(self, folder: str = "") -> list[str]:
        """See `Files`; empty for web servers, which do not list folders."""
        if WEB.match(str(self)):
            return []
        return [name for name in self._store.folders(folder.strip("/")) if visible(name)]

    def names(self, folder: str = "") -> list[str]:
        """See `Files`."""
        return [name for name in self._store.names(folder.strip("/")) if visible(name)]

    def walk(self, folder: str = "") -> Iterator[tuple[str, bytes | None]]:
        """See `Files`."""
        settled = settled_before()
        for entry in self._store.files(folder.strip("/")):
            yield entry.key, object_stamp(entry, settled)

    def stamp(self, path: str) -> bytes | None:
        """See `Files`; None for web servers, whose dates and tags are not reliable."""
        settled = settled_before()
        return None if WEB.match(str(self)) else object_stamp(self._store.entry(path), settled)

    def size(self, path: str) -> int:
        """See `Files`."""
        size = self._store.size(path)
        if size is None:
            raise FileNotFoundError(2, "there is no such object", path)
        return size

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Files`."""
        if length is None:
            return self._store.read(path, partial(require_size, access=self.access))[offset:].tobytes()
        return self._store.read_range(path, offset, offset + length) if length else b""

    def read_many(self, paths: Iterable[str]) -> Iterator[bytes | BadImageError]:
        """See `Files`; sends concurrent requests."""
        waiting = iter(paths)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while some := list(islice(waiting, AT_ONCE)):
                yield from pool.map(self._read, some)

    def _read(self, path: str) -> bytes | BadImageError:
        try:
            return self.read(path)
        except OSError as error:
            return unreadable(error)

    def open(self, path: str) -> BinaryIO:
        """See `Files`."""
        return self._store.open(path)

    def local(self, path: str) -> Path | None:  # noqa: ARG002 - never here
        """See `Files`."""
        return None

    def inside(self, folder: str) -> "RemoteFiles":
        """See `Files`."""
        return remote_files(f"{self}/{folder}", self.access)

    def zarr(self) -> Any:  # noqa: ANN401 - see Files
        """See `Files`."""
        return self._store.zarr("")


@lru_cache
def remote_files(address: str, access: Access = DEFAULT) -> RemoteFiles:
    """Files below a URL, with one client per URL, so that connections are reused.

    Raises
    ------
    InputError
        If the URL is of no known kind.
    """
    if not address.startswith(("s3://", "gs://", "az://", "http://", "https://")):
        raise InputError(f"The address {address} does not begin with s3://, gs://, az:// or https://.")
    return RemoteFiles(address, access)
