"""Zarr v3 arrays whose chunks are written whole, once, by one writer, each with a checksum."""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from storage.errors import DamagedError
from storage.files import replacing, write_file
from storage.store import StorePath

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
        Hexadecimal SHA-256 of the file.
    """
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    content = values.reshape(-1).view(np.uint8)
    checksum = int(google_crc32c.value(content)).to_bytes(CHECKSUM_BYTES, "little")
    write_file(path, content.data, checksum)
    digest = hashlib.sha256(content.data)
    digest.update(checksum)
    return digest.hexdigest()


def link_chunk(array: StorePath, index: int, chunk: StorePath) -> None:
    """Make an existing chunk file the `index`-th chunk of an array, sharing its bytes where the store can."""
    chunk.store.copy(chunk.key, chunk_path(array, index).key)


def open_array(path: StorePath) -> "zarr.Array[Any]":
    """Open an array for reading."""
    return zarr.open_array(path.store.zarr(path.key), mode="r")


def read_chunk(path: StorePath, shape: tuple[int, int], dtype: str = "float32") -> npt.NDArray[np.float32]:
    """Read one whole chunk that `write_chunk` wrote with a type, as float32.

    What Zarr's own reader gives, without its second copy: shards are read this way once in every pass.

    Raises
    ------
    DamagedError
        If the chunk is missing or damaged.
    """
    stored = _checked(path, shape, np.dtype(dtype))
    return stored.astype(np.float32, copy=False)


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


def _checked(path: StorePath, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        content = path.read()
    except OSError as error:
        raise DamagedError(f"The chunk {path} cannot be read: {error.strerror or 'it is not there'}; {MEND}") from None
    values, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    complete = len(values) == math.prod(shape) * dtype.itemsize
    if not complete or google_crc32c.value(values) != int.from_bytes(checksum.tobytes(), "little"):
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
