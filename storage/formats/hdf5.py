"""HDF5 files with datasets of images and labels by their usual names."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from storage.datasets.files import Files
from storage.datasets.source import Source
from storage.errors import InputError
from storage.formats.arrays import array_source, attribute_names, named_pairs
from storage.formats.rows import SlicedArray

SUFFIXES = (".h5", ".hdf5", ".hdf")


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith(SUFFIXES)


def find_hdf5(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if HDF5 files are among some names in a folder."""
    found = [name for name in names if name.endswith(SUFFIXES)]
    if not found:
        return None
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            f"Reading {files}/{found[0]} needs h5py, which is not installed: pip install eigenwave[hdf5]."
        ) from None
    arrays: dict[str, Any] = {}
    names_in_file = None
    for name in found:
        files.size(name)  # raises if it is not a regular file: HDF5 would wait for ever on a named pipe
        try:
            file = h5py.File(files.local(name) or files.open(name), "r")
        except OSError as error:
            raise InputError(f"{files}/{name} is not a complete HDF5 file: {error}; write it again.") from None
        try:
            names_in_file = names_in_file or attribute_names(file.attrs)
            there = _datasets(file, f"{files}/{name}", h5py)
        except (KeyError, ValueError, RuntimeError, OSError) as error:  # as h5py has it for damaged headers of objects
            raise InputError(f"{files}/{name} is a damaged HDF5 file: {error}; write it again.") from None
        prefix = f"{name.rsplit('.', 1)[0]}/" if len(found) > 1 else ""
        arrays |= {prefix + path: item for path, item in there.items()}
    pairs = {
        split: (_array(f"{files}, {images}", arrays[images]), _array(f"{files}, {labels}", arrays[labels]))
        for split, (images, labels) in named_pairs(str(files), arrays).items()
    }
    return array_source(str(files), pairs, names_in_file)


def _array(where: str, dataset: Any) -> SlicedArray:  # noqa: ANN401 - an h5py dataset
    return SlicedArray(where, dataset, partial(_require_written, where, dataset))


def _require_written(where: str, dataset: Any) -> None:  # noqa: ANN401 - an h5py dataset
    """Refuse a dataset with values that were never written, which HDF5 would read as one constant."""
    if not hasattr(dataset, "id") or dataset.size == 0:
        return  # a view of strings, or an empty dataset
    if dataset.chunks is None:
        written, there = dataset.id.get_storage_size() > 0, 1
    else:
        there = math.prod(-(-side // chunk) for side, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        written = dataset.id.get_num_chunks() == there
    if not written:
        found = 0 if dataset.chunks is None else dataset.id.get_num_chunks()
        raise InputError(
            f"{where} has {found} of {there} chunks; the missing ones were never written and would read as a "
            "constant: write it again."
        )


def _datasets(group: Any, where: str, h5py: Any, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 - the module
    """Find datasets by path. Links to other files, and data in other files, are refused: those could be any file."""
    found: dict[str, Any] = {}
    for name in group:
        path = f"{prefix}{name}"
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise InputError(f"{where} has a link to another file, {path}; copy its target into this file.")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise InputError(f"{where} keeps the values of {path} in another file; copy them into this one.")
            found[path] = item.asstr() if h5py.check_string_dtype(item.dtype) else item
        elif prefix.count("/") < 4:  # noqa: PLR2004 - no dataset is deeper, and groups may form a circle
            found |= _datasets(item, where, h5py, f"{path}/")
    return found
