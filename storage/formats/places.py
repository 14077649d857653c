"""Where a person finds an image: a path or an address to open, made from its key."""

import posixpath

from storage.datasets.access import DEFAULT
from storage.formats.list_paths import place_of
from storage.formats.open import ARCHIVES, IMAGE_FOLDER, base_of
from storage.formats.tree import FOLDERS
from storage.setting_groups import Access

FILES = (FOLDERS, IMAGE_FOLDER, "list")  # formats whose images are files
ROWS = ("parquet", "arrow", "tfrecord")  # formats whose keys are FILE/ROW
ENDINGS = (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz")


class Places:
    """The places of a dataset's images.

    Parameters
    ----------
    address
        Address of the dataset.
    format_name
        Name of its format, one of `storage.formats.open.NAMES`, or digits.
    access
        What the dataset may make this machine read.
    """

    def __init__(self, address: str, format_name: str, access: Access = DEFAULT) -> None:
        self._address, self._format = address, format_name
        known = (*FILES, *ROWS, *ARCHIVES)
        self._base = base_of(address, access) if format_name in known else address

    def of(self, key: str, length: int | None = None) -> str:
        """Return the place of an image.

        Parameters
        ----------
        key
            Key of the image.
        length
            Its `length` in the listing: of a list, the length of the key without the number of a repeated one.

        Returns
        -------
        str
            A path or URL if the image is a file, ARCHIVE::MEMBER if it is in an archive, FILE#ROW if it is in a table
            (the first row is 0), and otherwise DATASET#KEY.
        """
        if self._format in FILES:
            return self._path(key[:length] if self._format == "list" else key)
        if self._format in ARCHIVES:
            archive, member = _split_archive(key)
            return f"{self._path(archive)}::{member}"
        if self._format in ROWS:
            file, _, row = key.rpartition("/")
            return f"{self._path(file)}#{int(row)}"
        return f"{self._address}#{key}"

    def _path(self, key: str) -> str:
        """Join the folder of the dataset and a path in it, which may be an address or lead out of the folder."""
        if place_of(key) is not None or key.startswith("/"):
            return key
        joined = f"{self._base}/{key}"
        return joined if "://" in self._base else posixpath.normpath(joined)


def relative(path: str, source: str) -> str:
    """Return a path below the dataset `source`, or below the folder of a dataset that is a file, relative to it."""
    bases = (f"{source}/", f"{source.rpartition('/')[0]}/")
    return next((path.removeprefix(base) for base in bases if len(base) > 1 and path.startswith(base)), path)


def _split_archive(key: str) -> tuple[str, str]:
    """Split a key into the archive and its member."""
    lowered = key.lower()
    end = min(lowered.find(f"{ending}/") + len(ending) for ending in ENDINGS if f"{ending}/" in lowered)
    return key[:end], key[end + 1 :]
