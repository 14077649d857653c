"""Which source an address names."""

from collections.abc import Callable, Sequence
from pathlib import Path

from storage.errors import InputError
from storage.source import Source
from storage.source_digits import DigitsSource
from storage.source_files import Files, LocalFiles
from storage.source_folder import FolderSource
from storage.source_idx import find_idx

# Each looks at the names of files in a folder (of one, if a file was named) and gives a source if it knows them.
FINDERS: Sequence[Callable[[Files, Sequence[str]], Source | None]] = (find_idx,)


def open_source(address: str) -> Source:
    """Open the dataset at `address`: a known name, a folder, or a file.

    Raises
    ------
    InputError
        If there is nothing there that can be read as a dataset.
    """
    if address == "digits":
        return DigitsSource()
    path = Path(address)
    try:
        if not path.exists():
            raise InputError(
                f"There is no dataset {address}: give a folder of class folders, IDX files, or the name digits."
            )
        files = LocalFiles(path if path.is_dir() else path.parent)
        names = files.names() if path.is_dir() else [path.name]
        for find in FINDERS:
            source = find(files, names)
            if source is not None:
                return source
        if path.is_dir():
            return FolderSource(files)
    except OSError as error:
        raise InputError(f"The dataset {address} cannot be read: {error.strerror}; fix that and run again.") from None
    raise InputError(
        f"{address} is neither a folder nor an IDX file of images; eigenwave run --help names the formats."
    )
