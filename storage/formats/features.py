"""Read what a network makes of the images of a run, its features or logits: arrays in order, or a table by key."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.formats.keyed_table import KEY, KeyedTable, read_keyed_table
from storage.formats.list_tables import ENDINGS

ARRAYS = (".npy", ".npz")
SHAPE = "It must hold numbers of shape (images, features), the images in the order of the table samples"

Layers = Mapping[str, npt.NDArray[Any]]


class Features(NamedTuple):
    """What a network makes of the images of a run.

    Attributes
    ----------
    layers
        Features (n, d) of each layer by its name; NaN in the rows of images that the file does not have. A .npy array
        is mapped into memory.
    unknown
        Number of rows of the file that name no image of the run.
    """

    layers: Layers
    unknown: int = 0


def read_layers(path: Path, keys: pa.ChunkedArray) -> Features:
    """Read the features of a run's images, layer by layer.

    Parameters
    ----------
    path
        A .npy array (n, d) or a .npz file of several, with images in the order of the table `samples`. Or a table (CSV,
        JSON lines, Parquet, Feather) with a column `key`: each column of lists is a layer, and all columns of numbers
        together are one.
    keys
        Keys of the run's images (n,).

    Returns
    -------
    Features
        The layers, and how many rows of the file were not used.

    Raises
    ------
    InputError
        If the file cannot be read, is about other images, or holds no features.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; pass the file of a network's features.")
    ending = path.suffix.lower()
    if ending in ARRAYS:
        return Features(required_layers(_arrays(path), len(keys), f" in {path}"))
    if ending in ENDINGS:
        return _of_table(read_keyed_table(path), keys)
    raise InputError(f"{path} is none of {', '.join((*ARRAYS, *ENDINGS))}; save the features as one of them.")


def _arrays(path: Path) -> Layers:
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False)}
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as arrays: {error}. Save them by numpy.save or numpy.savez.") from None


def required_layers(layers: Layers, images: int, where: str = "") -> Layers:
    """Return layers of so many images whose place is called `where`.

    Raises
    ------
    InputError
        If one is no array (images, features) of numbers.
    """
    return {name: _required(name, values, images, where) for name, values in layers.items()}


def _required(name: str, values: npt.NDArray[Any], images: int, where: str) -> npt.NDArray[Any]:
    if values.ndim == 2 and len(values) == images and values.shape[1] and values.dtype.kind in "fiu":  # noqa: PLR2004
        return values
    advice = "; average each channel over its places" if values.ndim == 4 else ""  # noqa: PLR2004 - a convolution's
    raise InputError(
        f"{name}{where} is {values.dtype} of shape {values.shape}. {SHAPE}; the run has {images:,}{advice}."
    )


def _of_table(table: KeyedTable, keys: pa.ChunkedArray) -> Features:
    rows = table.rows(keys)
    columns = {
        name: _parsed(table.content[name].combine_chunks()) for name in table.content.column_names if name != KEY
    }
    columns = {name: values for name, values in columns.items() if values.null_count < len(values)}
    single = [values for values in columns.values() if _is_number(values.type)]
    found = {name: _stacked(table.path, name, values) for name, values in columns.items() if _is_list(values.type)}
    if single:
        found[table.path.stem] = np.stack([_numbers(values) for values in single], axis=1)
    if not found:
        raise InputError(f"{table.path} has no column of numbers or of lists of numbers beside key.")
    layers = {name: _in_order(values, rows, len(keys)) for name, values in found.items()}
    return Features(layers, int((rows < 0).sum()))


def _parsed(values: pa.Array) -> pa.Array:
    """Numbers and lists of numbers that are written as text, as in CSV; other values as they are."""
    if not pa.types.is_string(values.type):
        return values
    text = pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, pa.string()), values)
    with suppress(pa.ArrowException):
        return text.cast(pa.float64())
    with suppress(ValueError, pa.ArrowException):
        found = [None if one is None else json.loads(one) for one in text.to_pylist()]
        return pa.array(found, pa.list_(pa.float64()))
    return values


def _stacked(path: Path, name: str, values: pa.Array) -> npt.NDArray[np.float64]:
    """Lists of one length (m, d); NaN where there is no list."""
    lengths = {len(one) for one in values.drop_null()}
    if len(lengths) != 1:
        seen = " or ".join(map(str, sorted(lengths)[:2])) or "no"
        raise InputError(f"The lists in column {name} of {path} have {seen} numbers; all must have as many.")
    (length,) = lengths
    result = np.full((len(values), length), np.nan)
    there = np.asarray(values.is_valid())
    result[there] = _numbers(values.drop_null().flatten()).reshape(-1, length)
    return result


def _numbers(values: pa.Array) -> npt.NDArray[np.float64]:
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _in_order(values: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], images: int) -> npt.NDArray[np.float64]:
    result = np.full((images, values.shape[1]), np.nan)
    result[rows[rows >= 0]] = values[rows >= 0]
    return result


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_list(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and _is_number(kind.value_type)
