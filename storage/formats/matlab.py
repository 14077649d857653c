"""MATLAB files as SVHN has them: images `X` (height, width, channels, n) and labels `y` (n, 1), compressed or not.

Format: "MAT-File Format" of The MathWorks, level 5. Its arrays are in Fortran order, so the columns of an image lie one
after the other. Images are turned while they are unpacked to a temporary file.
"""

import io
import math
import posixpath
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from storage.datasets.files import Files
from storage.datasets.findings import Finding, Findings, Tally, counted
from storage.datasets.source import Source
from storage.datasets.splits import TRAIN, split_word, words_of
from storage.errors import InputError
from storage.formats.arrays import array_source
from storage.formats.rows import FileArray
from storage.formats.unpacking import Unpacked

HEADER, TAG = 128, 8  # bytes
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
ORDERS = {b"IM": "<", b"MI": ">"}
IMAGES, LABELS = "X", "y"
SIDES = 4  # height, width, channels, images
LARGEST_HEAD = 2**12  # bytes of an array before its values
PIECE = 2**18
SVHN = re.compile(r"_32x32\.mat$", re.IGNORECASE)
ZERO = 10  # SVHN's label of the digit 0


@dataclass(frozen=True)
class Element:
    """An array in a file: its name, its shape in Fortran order, its type, and what opens the stream of its values."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: Callable[[], BinaryIO]


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.lower().endswith(".mat")


def find_matlab(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if MATLAB files of images and labels are among some names in a folder."""
    pairs: dict[str, tuple[FileArray, FileArray]] = {}
    findings, others, tens, places = Findings(), Tally(), Tally(), dict[str, str]()
    for name in names:
        arrays = {element.name: element for element in _elements(files, name, alone=len(names) == 1)}
        if not {IMAGES, LABELS} <= arrays.keys():
            others.add(name)
            continue
        split = _split(name, TRAIN if len(names) == 1 else None)
        if split in pairs:
            raise InputError(f"{files}/{places[split]} and {name} are both the split {split}; give one of them.")
        places[split] = name
        pairs[split] = _images(files, name, arrays[IMAGES]), _labels(files, name, arrays[LABELS])
        if SVHN.search(name):
            tens.add(name)
    if not pairs:
        return None
    findings.ignore("other files", others, "file without images X and labels y")
    if tens.count:
        text = f"Read the label {ZERO} as the digit 0 in {counted(tens.count, 'file')} of SVHN{tens.examples}."
        findings.notes.append(Finding("digit 0", text, tens.count))
    return array_source(str(files), pairs, findings=findings)


def _split(name: str, otherwise: str | None) -> str:
    """The split that a file's name says, such as train; if none is usual, `otherwise` or its first word, as extra."""
    words = words_of(posixpath.basename(name))
    return next((split for split in map(split_word, words) if split), otherwise or words[0] if words else TRAIN)


def _images(files: Files, name: str, stored: Element) -> FileArray:
    where = f"{files}/{name}, {stored.name}"
    if len(stored.shape) != SIDES:
        raise InputError(f"{where} has the shape {stored.shape}; images are (height, width, channels, n).")
    height, width, channels, count = stored.shape
    if math.prod(stored.shape[:3]) * stored.dtype.itemsize > PIECE:
        raise InputError(f"{where} holds images of {width} x {height} pixels; save images this large as files.")
    turned = partial(_turned, shape=(channels, width, height), dtype=stored.dtype)
    return _unpacked(files, name, where, stored, (count, height, width, channels), turned)


def _labels(files: Files, name: str, stored: Element) -> FileArray:
    replaced = partial(_with_zero, dtype=stored.dtype) if SVHN.search(name) else bytes
    where = f"{files}/{name}, {stored.name}"
    return _unpacked(files, name, where, stored, (math.prod(stored.shape),), replaced)


def _turned(block: bytes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> bytes:
    """Whole images (channels, width, height) as images (height, width, channels)."""
    nbytes = math.prod(shape) * dtype.itemsize
    whole = np.frombuffer(block[: len(block) // nbytes * nbytes], dtype).reshape(-1, *shape)
    return whole.transpose(0, 3, 2, 1).tobytes()


def _with_zero(block: bytes, dtype: np.dtype[Any]) -> bytes:
    """Labels in which the digit 0 is 0."""
    values: npt.NDArray[Any] = np.frombuffer(block[: len(block) // dtype.itemsize * dtype.itemsize], dtype)
    return np.where(values == ZERO, 0, values).astype(dtype).tobytes()


def _unpacked(  # noqa: PLR0913, PLR0917 - of one array
    files: Files, name: str, where: str, stored: Element, shape: tuple[int, ...], change: Callable[[bytes], bytes]
) -> FileArray:
    """The array as it is after a change to each block of whole rows."""
    row = math.prod(shape[1:]) * stored.dtype.itemsize
    stream = partial(_changed, stored, max(1, PIECE // max(1, row)) * row, change)
    content = Unpacked(stream, shape[0] * row, where, files.size(name))
    return FileArray(where, content, content.size, shape, stored.dtype, 0)


@contextmanager
def _changed(stored: Element, block: int, change: Callable[[bytes], bytes]) -> Iterator[BinaryIO]:
    with stored.values() as stream:
        blocks = iter(partial(stream.read, block), b"")
        yield cast("BinaryIO", io.BufferedReader(_Pieces(map(change, blocks)), PIECE))


class _Pieces(io.RawIOBase):
    """A stream of the bytes of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _elements(files: Files, name: str, *, alone: bool) -> Iterator[Element]:
    """The numeric arrays of a file; none of one that is not of version 5 and has others beside it.

    Raises
    ------
    InputError
        If a file that is alone is not of version 5, or if it is damaged.
    """
    where, head, size = f"{files}/{name}", files.read(name, 0, HEADER), files.size(name)
    later = head.startswith(b"MATLAB 7.3")
    order = ORDERS.get(head[126:128])
    if later or order is None:
        if not alone:
            return
        what = "a MATLAB file of version 7.3; save it with the option -v7" if later else "no MATLAB file; get it again"
        raise InputError(f"{where} is {what}.")
    place = HEADER
    while place < size:
        tag = files.read(name, place, TAG)
        if len(tag) < TAG:
            raise InputError(f"{where} is cut short; get it again.")
        kind, length = struct.unpack(f"{order}II", tag)
        content = partial(_content, files, name, place + TAG, length)
        if kind == COMPRESSED:
            element = _element(where, order, partial(_inflated, where, content))
        else:
            element = _element(where, order, partial(_with_tag, tag, content)) if kind == MATRIX else None
        if element is not None:
            yield element
        place += TAG + length


def _content(files: Files, name: str, start: int, length: int) -> Iterator[bytes]:
    for place in range(start, start + length, PIECE):
        yield files.read(name, place, min(PIECE, start + length - place))


def _with_tag(tag: bytes, content: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    yield tag
    yield from content()


def _inflated(where: str, content: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    try:
        for piece in content():
            yield inflate.decompress(piece, PIECE)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, PIECE)
    except zlib.error as error:
        raise InputError(f"{where} is damaged: {error}; get it again.") from None


def _element(where: str, order: str, pieces: Callable[[], Iterator[bytes]]) -> Element | None:
    """The array that a stream begins with, or None if it is none of numbers."""

    def opened() -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_Pieces(pieces()), PIECE))

    with opened() as stream:
        head = stream.read(LARGEST_HEAD)
    try:
        (kind,) = struct.unpack_from(f"{order}I", head)
        _, _, place = _part(head, order, TAG)  # flags
        _, sides, place = _part(head, order, place)
        _, name, place = _part(head, order, place)
        dtype, length, start = _values(head, order, place)
    except (struct.error, KeyError):
        return None
    shape = tuple(np.frombuffer(sides, f"{order}i4").tolist())
    if kind != MATRIX or any(side < 0 for side in shape):
        return None
    if math.prod(shape) * dtype.itemsize != length:
        if name.decode("latin-1") not in {IMAGES, LABELS}:
            return None
        raise InputError(f"{where} is damaged: {name.decode('latin-1')} has {length} bytes, not {shape}; get it again.")

    def values() -> BinaryIO:
        stream = opened()
        stream.read(start)
        return cast("BinaryIO", io.BufferedReader(_Pieces(_first(stream, length)), PIECE))

    return Element(name.decode("latin-1"), shape, dtype, values)


def _first(stream: BinaryIO, length: int) -> Iterator[bytes]:
    """The first bytes of a stream, in pieces; its rest is read too, as far as a piece, for the checksum behind it."""
    while length and (piece := stream.read(min(PIECE, length))):
        length -= len(piece)
        yield piece
    stream.read(PIECE)


def _part(head: bytes, order: str, place: int) -> tuple[int, bytes, int]:
    """Type and content of a part of an array's head, and the place behind it."""
    kind, length, start, end = _tag(head, order, place)
    if end > len(head):
        raise struct.error
    return kind, head[start : start + length], end


def _values(head: bytes, order: str, place: int) -> tuple[np.dtype[Any], int, int]:
    """Type, bytes and place of an array's values."""
    kind, length, start, _ = _tag(head, order, place)
    return np.dtype(order + TYPES[kind]), length, start


def _tag(head: bytes, order: str, place: int) -> tuple[int, int, int, int]:
    """Type and length of a part, its start, and its end: up to four bytes stand in the tag itself."""
    kind, length = struct.unpack_from(f"{order}II", head, place)
    if kind >> 16:
        return kind & 0xFFFF, kind >> 16, place + 4, place + TAG
    return kind, length, place + TAG, place + TAG + -(-length // TAG) * TAG
