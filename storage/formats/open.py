"""Open the dataset at an address, in whatever format it is."""

import os
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from storage.credentials import require_plain
from storage.datasets.access import DEFAULT
from storage.datasets.files import Files, LocalFiles
from storage.datasets.findings import Finding, named
from storage.datasets.known import DATASETS, known_folder
from storage.datasets.listing import Listing, list_dataset
from storage.datasets.source import Source
from storage.errors import InputError
from storage.formats import arrow, cifar, hdf5, idx, image_folder, matlab, numpy, parquet, tar, tfrecord, zarr
from storage.formats import list as lists
from storage.formats import zip as zips
from storage.formats.digits import DigitsSource
from storage.formats.folder import FolderSource
from storage.formats.hub_cache import snapshot_of
from storage.formats.tree import FOLDERS, INNER_FOLDERS, OUTER_FOLDERS, level_of
from storage.setting_groups import Access, Reading
from storage.settings import Settings

AS_FOUND = Reading()
DIGITS = "digits"
IMAGE_FOLDER = "imagefolder"


class Format(NamedTuple):
    """How to find datasets of a format.

    Attributes
    ----------
    knows
        Whether a file belongs to the format, by its name.
    find
        Opens the dataset of such files, given by their paths; None if they are no dataset. It raises InputError if
        they are damaged, or lack something that a dataset must have.
    together
        Whether all files must lie in one folder, whose paths they are then given by.
    takes_reading
        Whether `find` also takes the settings of how to read, as those of tables and archives do.
    """

    knows: Callable[[str], bool]
    find: Callable[..., Source | None]
    together: bool = True
    takes_reading: bool = False

    def open(self, files: Files, names: Sequence[str], reading: Reading) -> Source | None:
        """The dataset of some files."""
        return self.find(files, names, reading) if self.takes_reading else self.find(files, names)


# Formats of a whole folder are tried before class folders, and those before formats of files beside them.
WHOLE: dict[str, Format] = {
    "zarr": Format(zarr.knows, zarr.find_zarr),
}
FORMATS: dict[str, Format] = {
    "idx": Format(idx.knows, idx.find_idx),
    "cifar": Format(cifar.knows, cifar.find_cifar),
    "arrow": Format(arrow.knows, arrow.find_arrow, together=False, takes_reading=True),
    "parquet": Format(parquet.knows, parquet.find_parquet, together=False, takes_reading=True),
    "tfrecord": Format(tfrecord.knows, tfrecord.find_tfrecord, together=False, takes_reading=True),
    "tar": Format(tar.knows, tar.find_tar, together=False, takes_reading=True),
    "zip": Format(zips.knows, zips.find_zip, together=False, takes_reading=True),
    IMAGE_FOLDER: Format(image_folder.knows, image_folder.find_image_folder, together=False, takes_reading=True),
    "numpy": Format(numpy.knows, numpy.find_numpy),
    "matlab": Format(matlab.knows, matlab.find_matlab),
    "hdf5": Format(hdf5.knows, hdf5.find_hdf5),
}
ARCHIVES = ("tar", "zip")  # formats that hold trees of files
LISTS: dict[str, Format] = {
    "list": Format(lists.knows, lists.find_list, takes_reading=True)
}  # only if the file itself is given
TREES = (FOLDERS, OUTER_FOLDERS, INNER_FOLDERS)  # on a disk, in a bucket or in archives
NAMES = (*TREES, *WHOLE, *FORMATS, *LISTS)


class Found(NamedTuple):
    """A dataset, and the name of its format."""

    format: str
    source: Source


def list_source(source: str, settings: Settings) -> tuple[Found, Listing]:
    """Open and list the dataset that a user named.

    Raises
    ------
    InputError
        If there is nothing that can be read as a dataset, or it is damaged as a whole.
    """
    address = address_of(source)
    found = find_source(address, settings.access, settings.reading)
    _require_images(found.source, source, settings)
    listing = list_dataset(found.source, source, settings)
    if address != source and source in {DIGITS, *DATASETS}:
        text = f"Read the folder {address}. For the dataset that is known as {source}, run in another folder."
        listing.findings.notes.append(Finding("folder of a known name", text, 1))
    return found, listing


def _require_images(dataset: Source, source: str, settings: Settings) -> None:
    """Refuse features with a transform of images, and images without one."""
    layout, none = dataset.layout, settings.coefficients.transform == "none"
    if layout is not None and layout.features and not none:
        raise InputError(
            f"{source} holds rows of {layout.width:,} features, which are no images: pass --transform none to "
            "take them as they are."
        )
    if none and (layout is None or not layout.features):
        raise InputError(
            f"{source} holds images, but --transform none takes arrays of shape (n, features); leave it out, or give "
            "features."
        )


def open_source(address: str, access: Access = DEFAULT, format_name: str | None = None) -> Source:
    """Open the dataset at an address; see `find_source`."""
    return find_source(address, access, Reading(format=format_name)).source


def find_source(address: str, access: Access = DEFAULT, reading: Reading = AS_FOUND) -> Found:
    """Open the dataset at `address`: a known name, or a folder or file on this machine or at a URL.

    Parameters
    ----------
    address
        As `address_of` gives it.
    access
        What the dataset may make this machine read.
    reading
        How to read it; once it is listed, the format, one of `NAMES`, is all that counts.

    Raises
    ------
    InputError
        If there is nothing there that can be read as a dataset, or the address holds what may be a password.
    """
    if address == DIGITS:
        return Found(DIGITS, DigitsSource())
    require_plain(address)
    if reading.format not in {None, *NAMES}:
        raise InputError(f"There is no format {reading.format}; pass --format with one of {', '.join(NAMES)}.")
    try:
        files, name = _place(str(known_folder(address)) if address in DATASETS else address, access)
        return _of_files_below(files, reading) if name is None else _of_file(files, name, reading)
    except FileNotFoundError:
        raise InputError(
            f"There is no dataset {address}: give a folder, a file, a URL, or a known name such as digits; "
            "eigenwave run --help names the formats."
        ) from None
    except OSError as error:
        raise InputError(f"The dataset {address} cannot be read: {error.strerror}; fix that and run again.") from None


def address_of(source: str) -> str:
    """The address of a dataset as workers see it: paths are absolute, and a trailing slash is dropped.

    A folder or file of this name in the working directory comes before the known dataset of the same name.
    """
    if (source == DIGITS or source in DATASETS) and not os.path.exists(source):  # noqa: PTH110 - as below
        return source
    return source.rstrip("/") if "://" in source else os.path.abspath(source)  # noqa: PTH100 - keeps links as they are


def _place(address: str, access: Access) -> tuple[Files, str | None]:
    """The files of a dataset, and the name of one of them if the address is that of a single file."""
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


def base_of(address: str, access: Access = DEFAULT) -> str:
    """Path or URL of the folder that the keys of a dataset's images are relative to.

    Raises
    ------
    InputError
        If there is nothing at the address any more.
    """
    try:
        files, name = _place(address, access)
    except OSError as error:
        raise InputError(f"The dataset {address} cannot be read: {error.strerror or 'it does not exist'}.") from None
    snapshot = snapshot_of(files) if name is None else None
    return str(files.inside(snapshot) if snapshot else files)


def _of_file(files: Files, name: str, reading: Reading) -> Found:
    """The dataset in one file."""
    formats = WHOLE | FORMATS | LISTS
    chosen = None if reading.format in TREES else reading.format
    for known in formats if chosen is None else [chosen]:
        if known in formats and (chosen or formats[known].knows(name)):
            source = formats[known].open(files, [name], reading)
            if source is not None:
                return Found(known, source)
    raise InputError(f"{files}/{name} is in no format that is known; docs/inputs.md names them.")


def _of_files_below(files: Files, reading: Reading) -> Found:
    """The dataset in a folder, which may be one of the Hub's cache."""
    snapshot = snapshot_of(files)
    if snapshot is None:
        return _of_folder(files, reading)
    found = _of_folder(files.inside(snapshot), reading)
    text = f"{files} is a folder of the Hub's cache. Read the revision {posixpath.basename(snapshot)}."
    found.source.findings.notes.append(Finding("revision", text, 1))
    return found


def _of_folder(files: Files, reading: Reading) -> Found:
    """The dataset in a folder."""
    top = files.names()
    for known, each in WHOLE.items():
        if reading.format in {None, known}:
            source = each.open(files, top, reading)
            if source is not None:
                return Found(known, source)
    folders = FolderSource(files, level_of(reading))
    if reading.format == FOLDERS:  # without a look at the files: workers open datasets so
        return Found(FOLDERS, folders)
    if reading.format in TREES and (folders.images or not any(map(_is_archive, folders.others))):
        return Found(FOLDERS, folders)
    if reading.format is None and len(folders.classes) > 1:
        return Found(FOLDERS, folders)
    return _of_files(files, folders, reading)


def _of_files(files: Files, folders: FolderSource, reading: Reading) -> Found:
    """The dataset in files other than images, or if there is none, that of the images."""
    found: list[tuple[Found, list[str]]] = []
    reasons = []
    for known in FORMATS if reading.format is None else ARCHIVES if reading.format in TREES else [reading.format]:
        mine = [name for name in folders.others if known in FORMATS and FORMATS[known].knows(name)]
        try:
            source = _opened(files, mine, FORMATS[known], reading) if mine else None
        except InputError as error:
            reasons.append(error)
        else:
            found += [(Found(known, source), mine)] if source else []
    if len(found) > 1:
        found = [each for each in found if each[0].format not in ARCHIVES or len(each[0].source.samples())]
    if len(found) > 1:
        read = ", ".join(f"as {each.format} ({named(mine)})" for each, mine in found)
        raise InputError(f"{files} can be read in {len(found)} ways: {read}. Pass --format to choose one.")
    if found:
        ((chosen, mine),) = found
        folders.report_beside(chosen.source.findings, mine, images=chosen.format != IMAGE_FOLDER)
        return chosen
    if folders.images and reading.format is None:
        return Found(FOLDERS, folders)
    if reasons:
        raise reasons[0]
    what = f"no files of the format {reading.format}" if reading.format else "no images, and no files that hold images"
    raise InputError(f"{files} holds {what}; docs/inputs.md shows what datasets look like.")


def _is_archive(name: str) -> bool:
    return any(FORMATS[known].knows(name) for known in ARCHIVES)


def _opened(files: Files, mine: Sequence[str], each: Format, reading: Reading) -> Source | None:
    folders = {posixpath.dirname(name) for name in mine}
    if each.together and len(folders) == 1 and (folder := folders.pop()):
        return each.open(files.inside(folder), [posixpath.basename(name) for name in mine], reading)
    return each.open(files, mine, reading)
