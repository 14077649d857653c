"""NumPy files: `.npy` files or `.npz` archives with images and labels under their usual names."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import BinaryIO, cast

import numpy as np

from storage.datasets.files import Files
from storage.datasets.source import Source
from storage.errors import InputError
from storage.formats.arrays import CLASSES_FILE, array_source, class_names, named_pairs
from storage.formats.rows import FileArray
from storage.formats.unpacking import Unpacked

MAGIC = b"\x93NUMPY"
LARGEST_HEADER = 2**14
ONLY = "arr_0"  # what NumPy calls an array that has no name, such as the only one of an archive of KMNIST
PIECE = 4 * 2**20
LOCAL_HEADER = 30  # bytes of a member's header in a zip file, before its name
LENGTHS = slice(26, 30)  # in that header, the lengths of the name and of the field after it


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith((".npy", ".npz")) or posixpath.basename(name) == CLASSES_FILE


def find_numpy(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if NumPy files of images and labels are among some names in a folder."""
    archives = [name for name in names if name.endswith(".npz")]
    arrays = {name.removesuffix(".npy"): partial(_npy, files, name) for name in names if name.endswith(".npy")}
    for archive in archives:
        stem, members = archive.removesuffix(".npz"), _members(files, archive)
        prefix = f"{stem}/" if len(archives) > 1 else ""
        names_in = {member: prefix + member for member in members} if members != [ONLY] else {ONLY: stem}
        arrays |= {name: partial(_npz, files, archive, member) for member, name in names_in.items()}
    if not arrays:
        return None
    pairs = {
        split: (arrays[images](), arrays[labels]())
        for split, (images, labels) in named_pairs(str(files), arrays).items()
    }
    return array_source(str(files), pairs, class_names(files, names))


def parse_npy(name: str, content: Callable[[int, int], bytes], size: Callable[[], int], start: int = 0) -> FileArray:
    """Parse an array in NumPy's format, version 1 to 3, whose header begins at byte `start`.

    Raises
    ------
    InputError
        If it is not an array of plain numbers or strings in C order.
    """
    stream = io.BytesIO(content(start, LARGEST_HEADER))
    try:
        version = np.lib.format.read_magic(stream)
        parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = parse(stream)
    except Exception as error:  # noqa: BLE001 - the parser of the header raises anything on damaged files
        raise InputError(f"{name} is not a NumPy file: {_first_line(error)}; save it again.") from None
    if dtype.hasobject:
        raise InputError(f"{name} holds Python objects, which could run code and are not read; save plain numbers.")
    if fortran and len(shape) > 1:
        raise InputError(f"{name} is in Fortran order; save it with np.ascontiguousarray.")
    if any(side < 0 for side in shape):
        raise InputError(f"{name} is not a NumPy file: its shape is {shape}; save it again.")
    return FileArray(name, content, size, shape, dtype, start + stream.tell())


def _first_line(error: Exception) -> str:
    """First line of a message; the type of the error if it has none, as when the parser's recursion is too deep."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _npy(files: Files, name: str) -> FileArray:
    return parse_npy(f"{files}/{name}", partial(files.read, name), partial(files.size, name))


@contextmanager
def _archive(files: Files, name: str) -> Iterator[zipfile.ZipFile]:
    try:
        with files.open(name) as file, zipfile.ZipFile(file) as opened:
            yield opened
    except Exception as error:
        # Decompressors raise anything on a damaged archive. Callers report errors of the system.
        if isinstance(error, InputError) or (isinstance(error, OSError) and error.errno):
            raise
        raise InputError(f"{files}/{name} is not an .npz archive, or damaged: {error}; save it again.") from None


def _members(files: Files, archive: str) -> list[str]:
    with _archive(files, archive) as opened:
        return [name.removesuffix(".npy") for name in opened.namelist() if name.endswith(".npy")]


def _npz(files: Files, archive: str, member: str) -> FileArray:
    """A member of an archive: read in place if it is not compressed, otherwise unpacked to a temporary file."""
    name = f"{files}/{archive}, {member}"
    with _archive(files, archive) as opened:
        info = opened.getinfo(f"{member}.npy")
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        local = files.read(archive, info.header_offset, LOCAL_HEADER)
        lengths = np.frombuffer(local[LENGTHS].ljust(4, b"\0"), "<u2")
        start = info.header_offset + LOCAL_HEADER + int(lengths.sum())
        array = parse_npy(
            name, partial(files.read, archive), lambda: min(start + info.file_size, files.size(archive)), start
        )
        return replace(
            array, verify=partial(_verify, files, archive, name, range(start, start + info.file_size), info.CRC)
        )
    stream = partial(_unzip, files, archive, f"{member}.npy")
    content = Unpacked(stream, info.file_size, name, info.compress_size)
    return parse_npy(name, content, content.size)


def _verify(files: Files, archive: str, name: str, place: range, checksum: int) -> None:
    """Check a member against its checksum, which reading it in place does not."""
    found = 0
    for start in range(place.start, place.stop, PIECE):
        found = zlib.crc32(files.read(archive, start, min(PIECE, place.stop - start)), found)
    if found != checksum:
        raise InputError(f"{name} does not match its checksum; get it again.")


@contextmanager
def _unzip(files: Files, archive: str, member: str) -> Iterator[BinaryIO]:
    with _archive(files, archive) as opened, opened.open(member) as stream:
        yield cast("BinaryIO", stream)
