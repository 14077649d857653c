"""IDX files as MNIST has them: images and labels in two files, gzip-compressed or not."""

import gzip
import math
import posixpath
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, cast

import numpy as np

from storage.datasets.files import Files
from storage.datasets.findings import named
from storage.datasets.source import Source
from storage.datasets.splits import TRAIN, split_word, words_of
from storage.errors import InputError
from storage.formats.arrays import CLASSES_FILE, array_source, class_names
from storage.formats.rows import FileArray
from storage.formats.unpacking import Unpacked

# The third byte of the header (http://yann.lecun.com/exdb/mnist/).
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IMAGES_NAME = re.compile(r"(?P<prefix>.*?)[-_.]?images[-_.]idx(?P<dimensions>[34])-ubyte(\.gz)?")
FILE = re.compile(r"idx[1-4]-ubyte(\.gz)?$")
GZIP_MAGIC = b"\x1f\x8b"
LARGEST_HEADER = 4 + 4 * 4


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return FILE.search(name) is not None or posixpath.basename(name) == CLASSES_FILE


def find_idx(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if image files in IDX format are among some names in a folder."""
    datasets: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if match := IMAGES_NAME.fullmatch(posixpath.basename(name)):
            of, split = _dataset_and_split(match["prefix"])
            # A file that is there both compressed and not counts once.
            datasets.setdefault(of, {}).setdefault(split, name)
    if not datasets:
        return None
    if len(datasets) > 1:
        raise InputError(
            f"{files} holds the IDX files of {len(datasets)} datasets ({named(sorted(datasets))}); put those of each "
            "into a folder of its own and give one of them."
        )
    ((_, images),) = datasets.items()
    pairs = {
        split: (open_idx(files, name), open_idx(files, _labels_beside(files, name))) for split, name in images.items()
    }
    return array_source(str(files), pairs, class_names(files, names))


def _dataset_and_split(prefix: str) -> tuple[str, str]:
    """Dataset and split in the beginning of a name, such as (emnist letters, train)."""
    words = words_of(prefix)
    splits = [split for split in map(split_word, words) if split]
    return " ".join(word for word in words if not split_word(word)), splits[-1] if splits else TRAIN


def _labels_beside(files: Files, images: str) -> str:
    name = re.sub(r"idx[34]", "idx1", images.replace("images", "labels")).removesuffix(".gz")
    for candidate in (name, f"{name}.gz"):
        try:
            files.size(candidate)
        except OSError:
            continue
        return candidate
    raise InputError(f"{files}/{images} has no labels: {name} or {name}.gz must lie beside it.")


def open_idx(files: Files, path: str) -> FileArray:
    """The array in an IDX file: two zero bytes, type, number of dimensions, each as a big-endian uint32, the data.

    Raises
    ------
    InputError
        If the header is not that of an IDX file.
    """
    name = f"{files}/{path}"
    packed = files.read(path, 0, 2) == GZIP_MAGIC
    start = _unpacked_head(files, path) if packed else files.read(path, 0, LARGEST_HEADER)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not 1 <= start[3] <= 4:  # noqa: PLR2004
        raise InputError(f"{name} is not an IDX file: it begins with {start[:4].hex(' ')}; get it again.")
    dtype, header = np.dtype(TYPES[start[2]]), 4 + 4 * start[3]
    if len(start) < header:
        raise InputError(f"{name} is not an IDX file: its header is cut short; get it again.")
    shape = struct.unpack(f">{start[3]}I", start[4:header])
    if not packed:
        return FileArray(name, partial(files.read, path), partial(files.size, path), shape, dtype, header)
    expected = header + math.prod(shape) * dtype.itemsize
    unpacked = Unpacked(partial(_gunzip, files, path), expected, name, files.size(path))
    return FileArray(name, unpacked, unpacked.size, shape, dtype, header)


def _unpacked_head(files: Files, path: str) -> bytes:
    try:
        with _gunzip(files, path) as stream:
            return stream.read(LARGEST_HEADER)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{files}/{path} cannot be read: {error}; get it again.") from None


@contextmanager
def _gunzip(files: Files, path: str) -> Iterator[BinaryIO]:
    with files.open(path) as file, gzip.GzipFile(fileobj=file) as stream:
        yield cast("BinaryIO", stream)
