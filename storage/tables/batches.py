"""Tables of intermediate state with one batch per shard. The time to read a batch does not depend on their number.

A file begins with the offsets of its batches. Each batch is an Arrow stream followed by its CRC-32C. Parquet is not
used here because reading any row group parses the footer of all: 60 ms if there are 10,000.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import pyarrow as pa

from storage.errors import DamagedError
from storage.stores.files import replacing
from storage.stores.store import StorePath
from storage.tables.parquet import to_table

CHECKSUM_BYTES = 4
OFFSET = np.dtype("<i8")
METADATA = b"eigenwave"


def write_batches(
    path: StorePath,
    schema: pa.Schema,
    count: int,
    columns: Callable[[int], Mapping[str, Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Write a file of `count` batches.

    Parameters
    ----------
    path
        The file.
    schema
        A schema of `storage.tables.schemas`.
    count
        Number of batches, at least one.
    columns
        Function that returns the columns of a batch by its number.
    metadata
        Metadata written with each batch, as JSON.
    """
    described = schema.with_metadata({METADATA: json.dumps(metadata)})
    offsets = np.zeros(count + 1, OFFSET)
    offsets[0] = offsets.nbytes
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(offsets.data)
        for number in range(count):
            content = _encoded(to_table(described, columns(number)))
            file.write(content)
            file.write(_checksum(content))
            offsets[number + 1] = file.tell()
        file.seek(0)
        file.write(offsets.data)


def write_batch(path: StorePath, schema: pa.Schema, columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Write a file of one batch."""
    write_batches(path, schema, 1, lambda _: columns, metadata)


def read_batch(path: StorePath, number: int = 0) -> pa.Table:
    """Read a batch and verify its checksum.

    Raises
    ------
    DamagedError
        If the file or the batch is missing or damaged.
    """
    try:
        with path.open() as file:
            content = _content(file, number)
        with pa.ipc.open_stream(pa.py_buffer(content)) as stream:
            return stream.read_all()
    except OSError as error:
        raise DamagedError(f"The table {path} cannot be read: {error.strerror or 'it does not exist'}") from None
    except (ValueError, pa.ArrowException):
        raise DamagedError(f"The table {path} cannot be read: it is damaged") from None


def metadata_of(batch: pa.Table, name: str, default: Any = ...) -> Any:  # noqa: ANN401 - JSON
    """Return one entry of a batch's metadata; the default, if one is passed and there is no such entry."""
    entries = json.loads(batch.schema.metadata[METADATA])
    return entries[name] if default is ... else entries.get(name, default)


def _encoded(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return memoryview(sink.getvalue())


def _content(file: BinaryIO, number: int) -> memoryview:
    """Read the bytes of a batch, without the checksum.

    Raises
    ------
    ValueError
        If the batch does not exist or its bytes differ from those written.
    """
    size = file.seek(0, os.SEEK_END)
    first, _ = _offsets(file, 0)
    start, stop = _offsets(file, number)
    if not (number + 2) * OFFSET.itemsize <= first <= start <= stop <= size:
        raise ValueError("there is no such batch")
    file.seek(start)
    stored = memoryview(file.read(stop - start))
    content, checksum = stored[:-CHECKSUM_BYTES], stored[-CHECKSUM_BYTES:]
    if checksum != _checksum(content):
        raise ValueError("its bytes differ from those written")
    return content


def _offsets(file: BinaryIO, number: int) -> tuple[int, int]:
    """Offsets of a batch's first byte and of the byte after its last."""
    file.seek(number * OFFSET.itemsize)
    start, stop = np.frombuffer(file.read(2 * OFFSET.itemsize), OFFSET).tolist()
    return start, stop


def _checksum(content: memoryview) -> bytes:
    checksum: int = google_crc32c.value(np.frombuffer(content, np.uint8))
    return checksum.to_bytes(CHECKSUM_BYTES, "little")
