"""Images that are rows of an array, read by their place in a file or by slicing."""

import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.errors import BadImageError, EigenwaveError, InputError
from storage.pixels.layout import PixelLayout


@dataclass(frozen=True)
class StridedRows:
    """Images at equal distances in a file.

    Attributes
    ----------
    content
        Reads bytes of the file, given an offset and a length.
    count
        Number of images.
    offset, stride, nbytes
        Offset of the first image, distance from each image to the next, and size of an image, in bytes.
    """

    content: Callable[[int, int], bytes]
    count: int
    offset: int
    stride: int
    nbytes: int

    chunk = 1

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> list[bytes]:
        """Stored bytes of some images."""
        block = self.content(self.offset + start * self.stride, (stop - start) * self.stride)
        return [block[first : first + self.nbytes] for first in range(0, (stop - start) * self.stride, self.stride)]


@dataclass(frozen=True)
class SlicedRows:
    """Images that are slices of an array-like object."""

    array: Any

    @property
    def chunk(self) -> int:
        """Number of images in a chunk of the array; 1 if it has no chunks."""
        return int((self.array.chunks or (1,))[0])

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def read(self, start: int, stop: int) -> Iterable[bytes | BadImageError]:
        """Read stored bytes of images one by one, since a chunk may be large. A damaged chunk loses only its images."""
        try:
            images = self.array[start:stop]
        except EigenwaveError:
            raise
        except Exception as error:  # decoders raise anything on damaged chunks
            if isinstance(error, OSError) and error.errno:
                raise
            edge = (start // self.chunk + 1) * self.chunk
            if stop <= edge:
                return [BadImageError("corrupt", f"its chunk cannot be read: {error}")] * (stop - start)
            return chain(self.read(start, edge), self.read(edge, stop))
        return (image.tobytes() for image in images)


@dataclass(frozen=True)
class FileArray:
    """An array in C order behind a header in a file; a `storage.formats.arrays.StoredArray`.

    Attributes
    ----------
    name
        Name for messages.
    content, size
        Functions that read a range of bytes, and that give the size of the file in bytes.
    shape, dtype
        Shape and type of the array.
    header
        Size of the header in bytes.
    verify
        Raises InputError if the file does not match its checksum.
    """

    name: str
    content: Callable[[int, int], bytes]
    size: Callable[[], int]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    header: int
    verify: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Refuse a file whose size differs from its header, or that does not match its checksum.

        Raises
        ------
        InputError
            If so; the message names both sizes.
        """
        expected = self.header + math.prod(self.shape) * self.dtype.itemsize
        try:
            size = self.size()
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{self.name} cannot be read: {error}; get it again.") from None
        if size != expected:
            found = f"{size} bytes" if size < expected else "more bytes"
            raise InputError(f"{self.name} has {found} where its header announces {expected}; get it again.")
        self.verify()

    def rows(self, layout: PixelLayout) -> StridedRows:
        """Its images."""
        return StridedRows(self.content, self.shape[0], self.header, layout.nbytes, layout.nbytes)

    def values(self) -> npt.NDArray[Any]:
        """All values."""
        size = math.prod(self.shape) * self.dtype.itemsize
        try:
            return np.frombuffer(self.content(self.header, size), self.dtype).reshape(self.shape)
        except ValueError as error:  # for example, an empty file with a shape that is too large for any array
            raise InputError(f"{self.name} cannot be read: {error}; get it again.") from None


@dataclass(frozen=True)
class SlicedArray:
    """An array-like object that slicing reads; a `storage.formats.arrays.StoredArray`.

    Attributes
    ----------
    name
        Name for messages.
    array
        The object.
    check
        Raises InputError if the array is not complete.
    """

    name: str
    array: Any
    check: Callable[[], None] = lambda: None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> npt.DTypeLike:
        """Of the array."""
        return self.array.dtype  # type: ignore[no-any-return]

    def rows(self, layout: PixelLayout) -> SlicedRows:  # noqa: ARG002 - slicing knows
        """Its images."""
        return SlicedRows(self.array)

    def values(self) -> npt.NDArray[Any]:
        """All values."""
        try:
            return np.asarray(self.array[:])
        except EigenwaveError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise anything on damaged chunks
            raise InputError(f"{self.name} cannot be read: {error}; write it again.") from None
