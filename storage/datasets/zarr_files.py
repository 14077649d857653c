"""The local folder that zarr reads a dataset from: a chunk that is a named pipe is an error, not a wait."""

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from storage.datasets.access import require_regular


class RegularStore(LocalStore):
    """Zarr's own store of a folder, of which only regular files are opened."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a value or a part of it; None if there is no such key."""
        path = self.root / key
        if path.exists():
            require_regular(path.stat(), str(path))
        return await super().get(key, prototype, byte_range)
