"""The object store that zarr reads arrays from, with errors reported and repeated like those of other reads."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeVar

import obstore
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

T = TypeVar("T")


class Tried(Protocol):
    """Awaits an operation, repeats it if its response was cut short, and reports other errors of the client."""

    async def __call__(self, operation: Callable[[], Awaitable[T]], /) -> T:
        """Await the operation that this makes, once or more often."""
        ...


class ZarrStore(ObjectStore[obstore.store.ObjectStore]):
    """Zarr's own object store, read-only.

    Parameters
    ----------
    objects
        The client.
    tried
        Awaits each operation. It turns the client's errors into an EigenwaveError with a one-sentence message, since
        the client's own message may hold credentials.
    """

    def __init__(self, objects: obstore.store.ObjectStore, tried: Tried) -> None:
        super().__init__(objects, read_only=True)
        self._tried = tried

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return bytes of an object, or None if it does not exist."""
        read = super().get
        return await self._tried(lambda: read(key, prototype, byte_range))

    def list_prefix(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the keys of all objects below a folder."""
        return self._listed(lambda: ObjectStore.list_prefix(self, prefix))

    def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names directly in a folder."""
        return self._listed(lambda: ObjectStore.list_dir(self, prefix))

    async def _listed(self, listing: Callable[[], AsyncGenerator[str, None]]) -> AsyncGenerator[str, None]:
        """Yield a listing, which is complete before its first name is passed on, so that it can be repeated."""

        async def names() -> list[str]:
            return [name async for name in listing()]

        for name in await self._tried(names):
            yield name
