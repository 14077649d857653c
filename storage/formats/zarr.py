"""Zarr groups, version 2 or 3, with arrays of images and labels by their usual names."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from storage.datasets.files import Files
from storage.datasets.source import Source
from storage.errors import InputError
from storage.formats.arrays import array_source, attribute_names, named_pairs
from storage.formats.rows import SlicedArray

METADATA = ("zarr.json", ".zgroup")


def find_zarr(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if a folder is a Zarr group."""
    if not any(name in names for name in METADATA):
        return None
    import zarr  # noqa: PLC0415 - slow to import

    try:
        group = zarr.open_group(files.zarr(), mode="r")
        arrays = {name: array for name, array in group.members(max_depth=None) if isinstance(array, zarr.Array)}
    except Exception as error:  # noqa: BLE001 - damaged metadata raises anything
        raise InputError(f"{files} is not a Zarr group: {type(error).__name__}: {error}.") from None
    pairs = {
        split: (_images(f"{files}/{images}", arrays[images]), SlicedArray(f"{files}/{labels}", arrays[labels]))
        for split, (images, labels) in named_pairs(str(files), arrays).items()
    }
    return array_source(str(files), pairs, attribute_names(group.attrs))


def _images(where: str, array: Any) -> SlicedArray:  # noqa: ANN401 - a Zarr array
    return SlicedArray(where, array, partial(_require_chunks, where, array))


def _require_chunks(where: str, array: Any) -> None:  # noqa: ANN401 - a Zarr array
    if array.nchunks_initialized < array.nchunks:
        raise InputError(
            f"{where} has {array.nchunks_initialized} of {array.nchunks} chunks; those that are missing would read as "
            "if they were full of one value: write it again."
        )
