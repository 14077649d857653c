"""Cache of the members of tar files in object stores: listing them takes reading a whole file."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from storage.datasets.known import cache_folder
from storage.errors import EigenwaveError
from storage.stores.files import replacing
from storage.stores.local import LocalStore
from storage.stores.store import StorePath

FOLDER = "tar-4"  # change the name whenever what is kept changes
STAMP = b"stamp"
# Members that describe no image, in the order of the file. `length` is null for a link. The other columns are the texts
# and names of the files .cls and .json that describe an image.
MEMBERS = pa.schema(
    {
        "name": pa.string(),
        "offset": pa.int64(),
        "length": pa.int64(),
        "cls": pa.string(),
        "cls_name": pa.string(),
        "json": pa.string(),
        "json_name": pa.string(),
    }
)


class Described(NamedTuple):
    """A row of `MEMBERS`."""

    name: str
    offset: int
    length: int | None
    cls: str | None
    cls_name: str | None
    json: str | None
    json_name: str | None


def kept(address: str, stamp: bytes, read: Callable[[], pa.Table]) -> pa.Table:
    """Members of the tar file at an address (schema `MEMBERS`), from the cache if it has them.

    Parameters
    ----------
    address
        URL of the tar file.
    stamp
        Stamp of the file, see `storage.datasets.stamps`; the cache keeps one version of each file.
    read
        Reads them from the file.
    """
    path = StorePath(LocalStore(cache_folder() / FOLDER), f"{hashlib.sha256(address.encode()).hexdigest()}.parquet")
    members = _read(path, stamp)
    if members is None:
        members = read()
        # If the cache cannot be written, the next listing reads the file again.
        with (
            suppress(EigenwaveError),
            replacing(path) as partial,
            pq.ParquetWriter(partial, members.schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            writer.write_table(members)
            writer.add_key_value_metadata({STAMP: stamp.hex()})
    return members


def _read(path: StorePath, stamp: bytes) -> pa.Table | None:
    """Cached table of the file with this stamp; None if there is none, or it is damaged."""
    try:
        with path.open() as content, pq.ParquetFile(content, page_checksum_verification=True) as file:
            same = (file.metadata.metadata or {}).get(STAMP) == stamp.hex().encode()
            return file.read() if same and file.schema_arrow.equals(MEMBERS) else None
    except (OSError, EigenwaveError, pa.ArrowException):
        return None
