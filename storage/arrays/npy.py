"""NumPy's .npy and .npz files, for the state that a run keeps between stages."""

import io
import math
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from storage.stores.files import replacing, write_file
from storage.stores.store import StorePath

HEADER_BYTES = 4096  # larger than the NumPy header of any of these files


def save_npy(path: StorePath, values: npt.NDArray[Any]) -> None:
    """Write a whole array in NumPy's format and C order."""
    values = np.ascontiguousarray(values)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(values))
    write_file(path, header.getvalue(), values.reshape(-1).view(np.uint8).data)


def load_npy(path: StorePath) -> npt.NDArray[Any]:
    """Read an array that `save_npy` wrote, without a copy."""
    content = path.read()
    header = _header(io.BytesIO(content[:HEADER_BYTES].data))
    return content[header.bytes :].view(header.dtype).reshape(header.shape)


def load_npy_rows(path: StorePath, rows: slice) -> npt.NDArray[Any]:
    """Read only some rows of an array that `save_npy` wrote."""
    with path.open() as file:
        header = _header(file)
        row_bytes = header.dtype.itemsize * math.prod(header.shape[1:])
        file.seek(header.bytes + rows.start * row_bytes)
        content = file.read((rows.stop - rows.start) * row_bytes)
    return np.frombuffer(content, header.dtype).reshape(-1, *header.shape[1:])


def save_npz(path: StorePath, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays by name into one file."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_npz(path: StorePath) -> dict[str, npt.NDArray[Any]]:
    """Read arrays that `save_npz` wrote."""
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
