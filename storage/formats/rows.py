"""Images that are rows of an array, and how they are read: where they lie in a file, or by slicing."""

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
    """Images that lie in a file at equal distances.

    Attributes
    ----------
    content
        Reads bytes of the file: from an offset, so many.
    count
        Images.
    offset, stride, nbytes
        Where the pixels of the first image begin, bytes from each image to the next, bytes of an image.
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
    """Images that slicing an array-like object gives."""

    array: Any

    @property
    def chunk(self) -> int:
        """Images in a chunk of the array, if it has chunks."""
        return int((self.array.chunks or (1,))[0])

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def read(self, start: int, stop: int) -> Iterable[bytes | BadImageError]:
        """Stored bytes of some images, one by one: a chunk may be large. A damaged chunk costs its own images."""
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
    """An array in C order that lies in a file behind a header; a `storage.formats.arrays.StoredArray`.

    Attributes
    ----------
    name
        To name it to users.
    content, size
        Read a range of bytes, and say how many there are.
    shape, dtype
        Of the array.
    header
        Bytes before its values.
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
        """Refuse a file that does not hold what its header announces, or does not match its checksum.

        Raises
        ------
        InputError
            Naming both numbers.
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
        except ValueError as error:  # no bytes in a shape that no array can have, and the like
            raise InputError(f"{self.name} cannot be read: {error}; get it again.") from None


@dataclass(frozen=True)
class SlicedArray:
    """An array-like object that slicing reads; a `storage.formats.arrays.StoredArray`.

    Attributes
    ----------
    name
        To name it to users.
    array
        The object.
    check
        Refuses it if it is not complete.
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
