"""Zarr v3 arrays whose chunks are written whole, once, by one writer, each with a checksum."""

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from blake3 import blake3
from zarr.codecs import BytesCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from storage.errors import DamagedError
from storage.files import replacing, write_file, write_parts
from storage.scratch import scratch
from storage.store import PART_BYTES, StorePath

CHECKSUM_BYTES = 4
MEND = "eigenwave repair with the name of its run brings it back."
HEADER_BYTES = 4096  # more than any of NumPy's headers here


@dataclass(frozen=True)
class ArraySpec:
    """The schema of an array.

    Attributes
    ----------
    shape, chunks
        Of the array and of each of its chunks.
    dimensions
        Their names.
    dtype
        Name of a floating-point type.
    attributes
        What a reader must know, as JSON.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dimensions: tuple[str, ...]
    dtype: str = "float32"
    attributes: Mapping[str, Any] = field(default_factory=dict)


def create_array(path: StorePath, spec: ArraySpec) -> None:
    """Write the metadata of an array without chunks; do nothing if they are there already.

    What was never written reads as NaN, and each chunk ends in a CRC-32C that readers check.
    """
    if (path / "zarr.json").exists():
        return
    # Made in memory and written as every other file is: whole, synced, and again if an object store fails.
    metadata: dict[str, Buffer] = {}
    zarr.create_array(
        store=MemoryStore(metadata),
        shape=spec.shape,
        chunks=spec.chunks,
        dtype=spec.dtype,
        fill_value=float("nan"),
        filters=None,
        serializer=BytesCodec(endian="little"),
        compressors=[Crc32cCodec()],
        dimension_names=spec.dimensions,
        attributes=dict(spec.attributes),
        config={"write_empty_chunks": True},
    )
    write_file(path / "zarr.json", metadata["zarr.json"].to_bytes())


def write_array(path: StorePath, values: npt.NDArray[Any], dimensions: tuple[str, ...]) -> None:
    """Write a whole array as one chunk."""
    create_array(path, ArraySpec(values.shape, values.shape, dimensions, str(values.dtype)))
    write_chunk(chunk_path(path, 0, values.ndim), values)


def chunk_path(array: StorePath, index: int, dimensions: int = 2) -> StorePath:
    """File of the chunk that is the `index`-th along the first dimension and whole along the others."""
    return array / "/".join(["c", str(index), *["0"] * (dimensions - 1)])


def write_chunk(path: StorePath, values: npt.NDArray[Any]) -> str:
    """Write one whole chunk as Zarr's codecs `bytes` (little-endian) and `crc32c` encode it.

    Returns
    -------
    str
        Hexadecimal BLAKE3 of the file.
    """
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    digest = blake3()
    write_parts(path, _encoded(values.reshape(-1).view(np.uint8), digest))
    return digest.hexdigest()


def _encoded(content: npt.NDArray[np.uint8], digest: blake3) -> Iterator[bytes | memoryview]:
    """A chunk's file in parts, each digested and checked in turn, while it is in the cache."""
    checksum = 0
    for start in range(0, len(content), PART_BYTES):
        part = content[start : start + PART_BYTES]
        digest.update(part.data)  # first: the checksum takes three times as long over what is not in the cache
        checksum = google_crc32c.extend(checksum, part)
        yield part.data
    end = checksum.to_bytes(CHECKSUM_BYTES, "little")
    digest.update(end)
    yield end


def link_chunk(array: StorePath, index: int, chunk: StorePath) -> None:
    """Make an existing chunk file the `index`-th chunk of an array, sharing its bytes where the store can."""
    chunk.store.copy(chunk.key, chunk_path(array, index).key)


def open_array(path: StorePath) -> "zarr.Array[Any]":
    """Open an array for reading."""
    return zarr.open_array(path.store.zarr(path.key), mode="r")


def read_chunk(path: StorePath, shape: tuple[int, int], dtype: str = "float32") -> npt.NDArray[np.float32]:
    """Read one whole chunk that `write_chunk` wrote with a type, as float32.

    What Zarr's own reader gives, without its second copy and into memory that is there: shards are read this way once
    in every pass. See `storage.scratch` for how long to hold it.

    Raises
    ------
    DamagedError
        If the chunk is missing or damaged.
    """
    if dtype == "float32":
        return _checked(path, shape, np.dtype(dtype), scratch)
    stored, values = _checked(path, shape, np.dtype(dtype)), scratch(shape, np.float32)
    values[:] = stored
    return values


def read_array(path: StorePath) -> npt.NDArray[Any]:
    """Read a whole array that `write_array` wrote, as Zarr would, but again if an object store cuts its answer short.

    Raises
    ------
    DamagedError
        If it is missing or damaged.
    """
    shape, dtype = array_shape(path)
    return _checked(chunk_path(path, 0, len(shape)), shape, dtype)


def array_shape(path: StorePath) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, from its metadata.

    Raises
    ------
    DamagedError
        If they are missing or damaged.
    """
    try:
        metadata = json.loads((path / "zarr.json").read_bytes())
        return tuple(metadata["shape"]), np.dtype(metadata["data_type"])
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"The array {path} cannot be read: {error}; {MEND}") from None


def _checked(
    path: StorePath, shape: tuple[int, ...], dtype: np.dtype[Any], memory: Callable[..., npt.NDArray[Any]] = np.empty
) -> npt.NDArray[Any]:
    """The values of a chunk, in an array that `memory(shape, dtype)` gives."""
    size = math.prod(shape) * dtype.itemsize
    content = memory((size + CHECKSUM_BYTES,), np.uint8)
    checksum, checked = 0, 0
    try:
        for filled in path.read_into(content):
            # Of what was just read, which is still in the cache.
            checksum = google_crc32c.extend(checksum, content[checked : min(filled, size)])
            checked = filled
    except OSError as error:
        raise DamagedError(f"The chunk {path} cannot be read: {error.strerror or 'it is not there'}; {MEND}") from None
    values, end = content[:size], content[size:]
    if checked != len(content) or checksum != int.from_bytes(end.tobytes(), "little"):
        raise DamagedError(f"The chunk {path} is damaged; {MEND}")
    return values.view(dtype.newbyteorder("<")).reshape(shape)


def save_array(path: StorePath, values: npt.NDArray[Any]) -> None:
    """Write an array whole, in NumPy's format, row by row."""
    values = np.ascontiguousarray(values)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(values))
    write_file(path, header.getvalue(), values.reshape(-1).view(np.uint8).data)


def load_array(path: StorePath) -> npt.NDArray[Any]:
    """Read an array that `save_array` wrote, without a copy."""
    content = path.read()
    header = _header(io.BytesIO(content[:HEADER_BYTES].data))
    return content[header.bytes :].view(header.dtype).reshape(header.shape)


def load_rows(path: StorePath, rows: slice) -> npt.NDArray[Any]:
    """Read some rows of an array that `save_array` wrote, and nothing else."""
    with path.open() as file:
        header = _header(file)
        row_bytes = header.dtype.itemsize * math.prod(header.shape[1:])
        file.seek(header.bytes + rows.start * row_bytes)
        content = file.read((rows.stop - rows.start) * row_bytes)
    return np.frombuffer(content, header.dtype).reshape(-1, *header.shape[1:])


def save_arrays(path: StorePath, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays by name into one file."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_arrays(path: StorePath) -> dict[str, npt.NDArray[Any]]:
    """Read arrays that `save_arrays` wrote."""
    with path.open() as file, np.load(file) as arrays:
        return dict(arrays)


class _Header(NamedTuple):
    bytes: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _header(file: BinaryIO) -> _Header:
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return _Header(file.tell(), shape, dtype)
