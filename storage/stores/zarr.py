"""An object store as zarr reads arrays from it, whose errors are told as all others."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import obstore
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore


class ZarrStore(ObjectStore[obstore.store.ObjectStore]):
    """Zarr's own, to read from.

    Parameters
    ----------
    objects
        The client.
    telling
        Makes a block tell what the store answers in one sentence: the answer itself may hold credentials.
    """

    def __init__(self, objects: obstore.store.ObjectStore, telling: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(objects, read_only=True)
        self._telling = telling

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Bytes of an object, None if there is none."""
        with self._telling():
            return await super().get(key, prototype, byte_range)
