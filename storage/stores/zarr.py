"""The object store that zarr reads arrays from, with errors reported like those of other reads."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import obstore
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore


class ZarrStore(ObjectStore[obstore.store.ObjectStore]):
    """Zarr's own object store, read-only.

    Parameters
    ----------
    objects
        The client.
    translating
        Context manager that turns the client's errors into an EigenwaveError with a one-sentence message. The client's
        own message may hold credentials.
    """

    def __init__(
        self, objects: obstore.store.ObjectStore, translating: Callable[[], AbstractContextManager[None]]
    ) -> None:
        super().__init__(objects, read_only=True)
        self._translating = translating

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return bytes of an object, or None if it does not exist."""
        with self._translating():
            return await super().get(key, prototype, byte_range)
