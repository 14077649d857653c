"""Zarr v3 arrays whose chunks are written whole, once, by one writer, each with a checksum."""

import hashlib
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec

from storage.errors import EigenwaveError
from storage.files import replacing, write_file

CHECKSUM_BYTES = 4


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


def create_array(path: Path, spec: ArraySpec) -> None:
    """Write the metadata of an array without chunks; do nothing if they are there already.

    What was never written reads as NaN, and each chunk ends in a CRC-32C that readers check.
    """
    if (path / "zarr.json").exists():
        return
    zarr.create_array(
        store=path,
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


def write_array(path: Path, values: npt.NDArray[Any], dimensions: tuple[str, ...]) -> None:
    """Write a whole array as one chunk."""
    create_array(path, ArraySpec(values.shape, values.shape, dimensions, str(values.dtype)))
    write_chunk(chunk_path(path, 0, values.ndim), values)


def chunk_path(array: Path, index: int, dimensions: int = 2) -> Path:
    """File of the chunk that is the `index`-th along the first dimension and whole along the others."""
    return array.joinpath("c", str(index), *["0"] * (dimensions - 1))


def write_chunk(path: Path, values: npt.NDArray[Any]) -> str:
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


def link_chunk(array: Path, index: int, chunk: Path) -> None:
    """Make an existing chunk file the `index`-th chunk of an array, sharing its bytes where the disk can."""
    with replacing(chunk_path(array, index)) as partial:
        try:
            os.link(chunk, partial)
        except OSError:
            shutil.copyfile(chunk, partial)


def open_array(path: Path) -> "zarr.Array[Any]":
    """Open an array for reading."""
    return zarr.open_array(path, mode="r")


def read_chunk(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Read one whole chunk of float32 that `write_chunk` wrote.

    What Zarr's own reader gives, without its second copy: shards are read this way once in every pass.

    Raises
    ------
    EigenwaveError
        If the chunk is missing or damaged.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise EigenwaveError(
            f"The chunk {path} cannot be read: {error.strerror}; remove its run and start again."
        ) from None
    values, stored = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    complete = len(values) == math.prod(shape) * np.dtype(np.float32).itemsize
    if not complete or google_crc32c.value(values) != int.from_bytes(stored.tobytes(), "little"):
        raise EigenwaveError(f"The chunk {path} is damaged; remove its run and its shard, and start again.")
    return values.view("<f4").reshape(shape)
