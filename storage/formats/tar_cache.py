"""Cache of the members of tar files in object stores: listing them takes reading a whole file."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from storage.datasets.known import cache_folder
from storage.datasets.source import LISTED_AT_ONCE
from storage.errors import EigenwaveError
from storage.formats.tar_index import Member
from storage.stores.files import replacing
from storage.stores.local import LocalStore
from storage.stores.store import StorePath

FOLDER = "tar-3"  # change the name whenever what is kept changes
STAMP = b"stamp"
MEMBERS = pa.schema(
    {"name": pa.string(), "offset": pa.int64(), "length": pa.int64(), "cls": pa.string(), "json": pa.string()}
)


class Described(NamedTuple):
    """A member of a tar file, and the texts of the files .cls and .json of its sample, or None."""

    member: Member
    cls: str | None
    json: str | None


def kept(address: str, stamp: bytes, found: Iterable[Described]) -> Iterator[Described]:
    """Members of the tar file at an address, from the cache if it has them, otherwise from `found`.

    Parameters
    ----------
    address
        URL of the tar file.
    stamp
        Stamp of the file, see `storage.datasets.stamps`; the cache keeps one version of each file.
    found
        Members as read from the file.
    """
    path = StorePath(LocalStore(cache_folder() / FOLDER), f"{hashlib.sha256(address.encode()).hexdigest()}.parquet")
    members = _read(path, stamp)
    if members is None:
        members = _table(found)
        # If the cache cannot be written, the next listing reads the file again.
        with (
            suppress(EigenwaveError),
            replacing(path) as partial,
            pq.ParquetWriter(partial, members.schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            writer.write_table(members)
            writer.add_key_value_metadata({STAMP: stamp.hex()})
    for batch in members.to_batches(LISTED_AT_ONCE):
        for name, offset, length, *texts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield Described(Member(name, offset, length), *texts)


def _read(path: StorePath, stamp: bytes) -> pa.Table | None:
    """Cached table of the file with this stamp; None if there is none, or it is damaged."""
    try:
        with path.open() as content, pq.ParquetFile(content, page_checksum_verification=True) as file:
            same = (file.metadata.metadata or {}).get(STAMP) == stamp.hex().encode()
            return file.read() if same and file.schema_arrow.equals(MEMBERS) else None
    except (OSError, EigenwaveError, pa.ArrowException):
        return None


def _table(found: Iterable[Described]) -> pa.Table:
    waiting = iter(found)
    batches = []
    while some := list(islice(waiting, LISTED_AT_ONCE)):
        columns = zip(*((*member, *texts) for member, *texts in some), strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, MEMBERS, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=MEMBERS))
    return pa.Table.from_batches(batches, MEMBERS)
