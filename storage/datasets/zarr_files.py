"""The local folder that zarr reads a dataset from. A named pipe instead of a chunk is an error, not an endless wait."""

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from storage.datasets.access import require_regular


class RegularStore(LocalStore):
    """Zarr's own store of a folder, which opens only regular files."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a value or a part of it; None if the key does not exist."""
        path = self.root / key
        if path.exists():
            require_regular(path.stat(), str(path))
        return await super().get(key, prototype, byte_range)
