"""Which source an address names."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from storage.credentials import require_plain
from storage.datasets.access import DEFAULT
from storage.datasets.files import Files, LocalFiles
from storage.datasets.known import DATASETS, known_folder
from storage.datasets.source import SPLIT_WORDS, Source
from storage.errors import InputError
from storage.formats.cifar import find_cifar
from storage.formats.digits import DigitsSource
from storage.formats.folder import FolderSource
from storage.formats.hdf5 import find_hdf5
from storage.formats.idx import find_idx
from storage.formats.list import find_list
from storage.formats.numpy import find_numpy
from storage.formats.parquet import find_parquet
from storage.formats.tar import find_tar
from storage.formats.zarr import find_zarr
from storage.setting_groups import Access

# Each looks at the names of the files in a folder, or at the one that was named, and gives a source if it knows them.
FINDERS: Sequence[Callable[[Files, Sequence[str]], Source | None]] = (
    find_zarr,
    find_idx,
    find_cifar,
    find_parquet,
    find_tar,
    find_numpy,
    find_hdf5,
)
INNER_FOLDERS = frozenset({*SPLIT_WORDS, "data", "default"})  # where the files of a dataset may lie instead


def open_source(address: str, access: Access = DEFAULT) -> Source:
    """Open the dataset at `address`: a known name, or a folder or file on this machine or at a URL.

    Parameters
    ----------
    address
        Of the dataset.
    access
        What it may make this machine read.

    Raises
    ------
    InputError
        If there is nothing there that can be read as a dataset, or the address holds what may be a password.
    """
    if address == "digits":
        return DigitsSource()
    require_plain(address)
    try:
        return _find(str(known_folder(address)) if address in DATASETS else address, access)
    except FileNotFoundError:
        raise InputError(
            f"There is no dataset {address}: give a folder, a file, a URL, or a known name such as digits; "
            "eigenwave run --help names the formats."
        ) from None
    except OSError as error:
        raise InputError(f"The dataset {address} cannot be read: {error.strerror}; fix that and run again.") from None


def address_of(source: str) -> str:
    """The address of a dataset as workers see it: paths are absolute, a trailing slash is dropped."""
    if source == "digits" or source in DATASETS:
        return source
    return source.rstrip("/") if "://" in source else os.path.abspath(source)  # noqa: PTH100 - keeps links as they are


def _find(address: str, access: Access) -> Source:
    files, name = _place(address, access)
    names = _names(files) if name is None else [name]
    for find in FINDERS:
        source = find(files, names)
        if source is not None:
            return source
    source = FolderSource(files) if name is None else find_list(files, name)
    if source is None:
        raise InputError(f"{address} is in no format that is known; eigenwave run --help names them.")
    return source


def _place(address: str, access: Access) -> tuple[Files, str | None]:
    """The files of a dataset, and the name among them that was given if it is not all of them."""
    if "://" in address:
        from storage.datasets.remote_files import remote_files  # noqa: PLC0415 - slow to import

        parent, name = address.rstrip("/").rsplit("/", 1)
        if not parent.endswith("/"):
            try:
                remote_files(parent, access).size(name)
            except FileNotFoundError:
                if address.startswith("http"):
                    raise  # a web server does not list folders
            else:
                return remote_files(parent, access), name
        return remote_files(address.rstrip("/"), access), None
    path = Path(address)
    path.stat()
    return (LocalFiles(path, access), None) if path.is_dir() else (LocalFiles(path.parent, access), path.name)


def _names(files: Files) -> list[str]:
    names = files.names()
    inner = [folder for folder in files.folders() if folder in INNER_FOLDERS]
    return names + [f"{folder}/{name}" for folder in inner for name in files.names(folder)]
