"""Zarr v3 arrays: one writer writes each chunk whole and once, with a checksum."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from blake3 import blake3
from zarr.codecs import BytesCodec, Crc32cCodec, VLenUTF8Codec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from storage.arrays.scratch import scratch
from storage.errors import DamagedError
from storage.stores.files import write_file, write_parts
from storage.stores.store import PART_BYTES, StorePath

CHECKSUM_BYTES = 4
STRING = "string"  # Zarr's type of texts of any length
REPAIR_HINT = "eigenwave repair with the name of its run brings it back."


@dataclass(frozen=True)
class ArraySpec:
    """The schema of an array.

    Attributes
    ----------
    shape, chunks
        Shape of the array and of each chunk.
    dimensions
        Names of the dimensions.
    dtype
        Name of a number's type, or `string`.
    attributes
        JSON attributes that describe the array to readers.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dimensions: tuple[str, ...]
    dtype: str = "float32"
    attributes: Mapping[str, Any] = field(default_factory=dict)


def create_array(path: StorePath, spec: ArraySpec) -> None:
    """Write the metadata of an array without chunks; do nothing if the metadata exists.

    Chunks that were never written read as NaN, 0 or an empty text. Each chunk ends in a CRC-32C, which readers check.
    """
    if (path / "zarr.json").exists():
        return
    # Zarr makes the metadata in memory. `write_file` then writes it whole, syncs it, and retries on object stores.
    metadata: dict[str, Buffer] = {}
    zarr.create_array(
        store=MemoryStore(metadata),
        shape=spec.shape,
        chunks=spec.chunks,
        dtype=spec.dtype,
        fill_value=float("nan") if spec.dtype.startswith("float") else "" if spec.dtype == STRING else 0,
        filters=None,
        serializer=VLenUTF8Codec() if spec.dtype == STRING else BytesCodec(endian="little"),
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
    """A chunk's file in parts; each part is digested and checksummed while it is in the CPU's cache."""
    checksum = 0
    for start in range(0, len(content), PART_BYTES):
        part = content[start : start + PART_BYTES]
        digest.update(part.data)  # first, since the checksum takes three times as long for bytes outside the cache
        checksum = google_crc32c.extend(checksum, part)
        yield part.data
    end = checksum.to_bytes(CHECKSUM_BYTES, "little")
    digest.update(end)
    yield end


def link_chunk(array: StorePath, index: int, chunk: StorePath) -> None:
    """Make an existing chunk file the `index`-th chunk of an array; share its bytes if the store supports it."""
    chunk.store.copy(chunk.key, chunk_path(array, index).key)


def open_array(path: StorePath) -> "zarr.Array[Any]":
    """Open an array for reading."""
    return zarr.open_array(path.store.zarr(path.key), mode="r", zarr_format=3)


def read_chunk(path: StorePath, shape: tuple[int, int], dtype: str = "float32") -> npt.NDArray[np.float32]:
    """Read one whole chunk that `write_chunk` wrote in the type `dtype`, as float32.

    The values are those of Zarr's own reader, but without its second copy and in reused memory, since every pass reads
    every shard. See `storage.arrays.scratch` for how long to hold the array.

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


def read_row(array: StorePath, row: int) -> npt.NDArray[np.float32]:
    """Read one row of an array with two dimensions by a range of bytes, as float32; NaN if it was never written.

    The checksum of the chunk is not checked, since that would read the whole chunk. So this is for looking at an image,
    not for computing.
    """
    metadata = json.loads((array / "zarr.json").read_bytes())
    rows, columns = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    dtype = np.dtype(metadata["data_type"]).newbyteorder("<")
    length = columns * dtype.itemsize
    try:
        with chunk_path(array, row // rows).open() as file:
            file.seek(row % rows * length)
            content = file.read(length)
    except FileNotFoundError:
        return np.full(columns, np.nan, np.float32)
    return np.frombuffer(content, dtype).astype(np.float32)


def read_array(path: StorePath) -> npt.NDArray[Any]:
    """Read a whole array that `write_array` wrote, and retry if an object store cuts its answer short.

    Raises
    ------
    DamagedError
        If the array is missing or damaged.
    """
    shape, dtype = array_shape(path)
    return _checked(chunk_path(path, 0, len(shape)), shape, dtype)


def array_shape(path: StorePath) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, from its metadata.

    Raises
    ------
    DamagedError
        If the metadata is missing or damaged.
    """
    try:
        metadata = json.loads((path / "zarr.json").read_bytes())
        return tuple(metadata["shape"]), np.dtype(metadata["data_type"])
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"The array {path} cannot be read: {error}; {REPAIR_HINT}") from None


def _checked(
    path: StorePath, shape: tuple[int, ...], dtype: np.dtype[Any], memory: Callable[..., npt.NDArray[Any]] = np.empty
) -> npt.NDArray[Any]:
    """The values of a chunk, in an array that `memory(shape, dtype)` gives."""
    size = math.prod(shape) * dtype.itemsize
    content = memory((size + CHECKSUM_BYTES,), np.uint8)
    checksum, checked = 0, 0
    try:
        for filled in path.read_into(content):
            # The bytes that were just read are still in the CPU's cache.
            checksum = google_crc32c.extend(checksum, content[checked : min(filled, size)])
            checked = filled
    except OSError as error:
        raise DamagedError(
            f"The chunk {path} cannot be read: {error.strerror or 'it is not there'}; {REPAIR_HINT}"
        ) from None
    values, end = content[:size], content[size:]
    if checked != len(content) or checksum != int.from_bytes(end.tobytes(), "little"):
        raise DamagedError(f"The chunk {path} is damaged; {REPAIR_HINT}")
    return values.view(dtype.newbyteorder("<")).reshape(shape)
