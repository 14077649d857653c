"""Which source an address names."""

from pathlib import Path

from storage.errors import InputError
from storage.source import Source
from storage.source_digits import DigitsSource
from storage.source_folder import FolderSource
from storage.source_idx import IdxSource, find_idx_pairs


def open_source(address: str) -> Source:
    """Open the dataset at `address`: a known name, a folder of class folders, or IDX files.

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
        pairs = find_idx_pairs(path)
        if pairs:
            return IdxSource(pairs)
        if path.is_dir():
            return FolderSource(path)
    except OSError as error:
        raise InputError(f"The dataset {address} cannot be read: {error.strerror}; fix that and run again.") from None
    raise InputError(
        f"{address} is neither a folder nor an IDX file of images; eigenwave run --help names the formats."
    )
