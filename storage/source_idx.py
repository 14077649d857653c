"""IDX files as MNIST has them: images and labels in two files, gzip-compressed or not."""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from storage.errors import InputError
from storage.pixel_layout import PixelLayout
from storage.source import Source
from storage.source_arrays import ArraySource, Split, StridedRows, layout_of, same_layout
from storage.source_files import Files
from storage.unpacking import Unpacked

# The third byte of the header (http://yann.lecun.com/exdb/mnist/).
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IMAGES_NAME = re.compile(r"(?P<prefix>.*?)[-_.]?images[-_.]idx(?P<dimensions>[34])-ubyte(\.gz)?")
GZIP_MAGIC = b"\x1f\x8b"
LARGEST_HEADER = 4 + 4 * 4


def find_idx(files: Files, names: Iterable[str]) -> Source | None:
    """The dataset, if image files in IDX format are among some names in a folder."""
    images: dict[str, str] = {}
    for name in names:
        match = IMAGES_NAME.fullmatch(name)
        if match:
            prefix = match["prefix"] or "train"
            # MNIST calls its test split t10k. The same file packed and unpacked side by side is one dataset.
            images.setdefault("test" if prefix in {"t10k", "test"} else prefix, name)
    if not images:
        return None
    opened = {split: _open_split(files, name) for split, name in images.items()}
    layout = same_layout({split: layout for split, (_, layout) in opened.items()}, str(files))
    return ArraySource(str(files), {split: rows for split, (rows, _) in opened.items()}, layout)


def _open_split(files: Files, images: str) -> tuple[Split, PixelLayout]:
    labels = _labels_beside(files, images)
    file = IdxFile(files, images)
    layout = layout_of(file.shape, file.dtype, f"{files}/{images}")
    rows = StridedRows(file.content, file.shape[0], file.header, layout.nbytes, layout.nbytes)
    return Split(rows, partial(_checked_labels, file, IdxFile(files, labels))), layout


def _labels_beside(files: Files, images: str) -> str:
    name = re.sub(r"idx[34]", "idx1", images.replace("images", "labels")).removesuffix(".gz")
    for candidate in (name, f"{name}.gz"):
        try:
            files.size(candidate)
        except OSError:
            continue
        return candidate
    raise InputError(f"{files}/{images} has no labels: {name} or {name}.gz must lie beside it.")


def _checked_labels(images: "IdxFile", labels: "IdxFile") -> npt.NDArray[np.generic]:
    images.check()
    labels.check()
    size = math.prod(labels.shape) * labels.dtype.itemsize
    return np.frombuffer(labels.content(labels.header, size), labels.dtype).reshape(labels.shape)


@contextmanager
def _gunzip(files: Files, name: str) -> Iterator[BinaryIO]:
    with files.open(name) as file, gzip.GzipFile(fileobj=file) as stream:
        yield cast("BinaryIO", stream)


class IdxFile:
    """A file of two zero bytes, the type, the number of dimensions, each as a big-endian uint32, and the data.

    Raises
    ------
    InputError
        If the header is not that of an IDX file.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.name = f"{files}/{name}"
        packed = files.read(name, 0, 2) == GZIP_MAGIC
        start = self._head(files, name) if packed else files.read(name, 0, LARGEST_HEADER)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not 1 <= start[3] <= 4:  # noqa: PLR2004
            raise InputError(f"{self.name} is not an IDX file: it begins with {start[:4].hex(' ')}; download it again.")
        self.dtype = np.dtype(TYPES[start[2]])
        self.header = 4 + 4 * start[3]
        if len(start) < self.header:
            raise InputError(f"{self.name} is not an IDX file: its header is cut short; download it again.")
        self.shape = struct.unpack(f">{start[3]}I", start[4 : self.header])
        self._expected = self.header + math.prod(self.shape) * self.dtype.itemsize
        unpacked = Unpacked(partial(_gunzip, files, name), self._expected)
        self.content = unpacked if packed else partial(files.read, name)
        self._size = unpacked.size if packed else partial(files.size, name)

    def _head(self, files: Files, name: str) -> bytes:
        try:
            with _gunzip(files, name) as stream:
                return stream.read(LARGEST_HEADER)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{self.name} cannot be read: {error}; download it again.") from None

    def check(self) -> None:
        """Refuse a file that has more or less data than its header announces.

        Raises
        ------
        InputError
            Naming both numbers.
        """
        try:
            size = self._size()
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{self.name} cannot be read: {error}; download it again.") from None
        if size != self._expected:
            found = f"{size} bytes" if size < self._expected else "more bytes"
            raise InputError(f"{self.name} has {found} where its header announces {self._expected}; download it again.")
