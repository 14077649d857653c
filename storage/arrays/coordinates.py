"""Coordinates along one dimension, and the group that readers find them in beside the arrays they belong to."""

import json
from collections.abc import Iterable, Sequence

import numcodecs
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.arrays.zarr import STRING, ArraySpec, chunk_path, create_array, write_chunk
from storage.stores.files import write_file
from storage.stores.store import StorePath


def create_coordinate(path: StorePath, dimension: str, dtype: str, length: int, chunk: int) -> None:
    """Write the metadata of a coordinate: `length` values of a number's type or of the type `string`."""
    create_array(path, ArraySpec((length,), (chunk,), (dimension,), dtype))


def write_values(path: StorePath, index: int, values: pa.Array | pa.ChunkedArray, chunk: int) -> None:
    """Write a chunk of a coordinate; the last one is filled up. An unknown text is empty, an unknown number 0."""
    texts = pa.types.is_string(values.type)
    empty = "" if texts else 0
    found = values.fill_null(empty).to_numpy(zero_copy_only=False)
    whole = np.concatenate([found, np.full(chunk - len(found), empty, found.dtype)])
    write_chunk(chunk_path(path, index, 1), _encoded_texts(whole) if texts else whole)


def _encoded_texts(values: npt.NDArray[np.object_]) -> npt.NDArray[np.uint8]:
    """Texts as Zarr's codec `vlen-utf8` encodes them."""
    return np.frombuffer(numcodecs.VLenUTF8().encode(values), np.uint8)


def write_coordinate(path: StorePath, dimension: str, values: pa.Array | pa.ChunkedArray) -> None:
    """Write a whole coordinate as one chunk, and then its metadata."""
    dtype = STRING if pa.types.is_string(values.type) else str(np.dtype(values.type.to_pandas_dtype()))
    write_values(path, 0, values, len(values))
    create_coordinate(path, dimension, dtype, len(values), len(values))


def write_group(path: StorePath, members: Iterable[str], coordinates: Sequence[str]) -> None:
    """Write the metadata of a group of arrays, in which those of its members are repeated.

    A reader then opens all of them by reading one file, also where no folder can be listed.

    Parameters
    ----------
    path
        Folder of the group; each member lies directly in it.
    members
        Names of the arrays in the group.
    coordinates
        Names of those that are coordinates of the others, as xarray finds them.
    """
    metadata = {name: json.loads((path / name / "zarr.json").read_bytes()) for name in sorted(members)}
    content = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"coordinates": " ".join(coordinates)},
        "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": metadata},
    }
    write_file(path / "zarr.json", json.dumps(content, indent=2).encode())
