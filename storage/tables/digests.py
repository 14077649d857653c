"""Digests of images: rows of bytes (n, 16) in memory, a column of bytes or of hexadecimal text in tables.

A digest of zeros means that the image has no digest: it was not read yet, or cannot be read. A digest of ones marks a
row whose image was removed.
"""

import binascii
import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import BadImageError
from storage.tables.schemas import DIGEST_BYTES

NONE = bytes(DIGEST_BYTES)
REMOVED_BYTE = 0xFF
ALL_ONES = np.iinfo(np.uint64).max

Digests = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def image_digest(payload: bytes | BadImageError) -> bytes:
    """Return the first 128 bits of the SHA-256 of an image's stored bytes, or zeros if they cannot be read."""
    return NONE if isinstance(payload, BadImageError) else hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def without_digests(removed: Mask) -> Digests:
    """Return the digests of images that were not read: ones where `removed` is true, zeros elsewhere."""
    digests = np.zeros((len(removed), DIGEST_BYTES), np.uint8)
    digests[removed] = REMOVED_BYTE
    return digests


def has_digest(digests: Digests) -> Mask:
    """Mask of rows that need not be read: their digest is known, or their image was removed."""
    first, second = _halves(digests)
    found: Mask = (first | second) != 0
    return found


def is_removed(digests: Digests) -> Mask:
    """Mask of rows whose image was removed."""
    first, second = _halves(digests)
    found: Mask = (first & second) == ALL_ONES
    return found


def _halves(digests: Digests) -> tuple[npt.NDArray[np.uint64], ...]:
    """View each digest as two integers, which compare ten times as fast as its bytes."""
    return tuple(digests.view(np.uint64).T)


def to_column(digests: Digests) -> pa.Array:
    """Convert digests to a column of bytes, null where there is none."""
    buffers = [_validity(digests), pa.py_buffer(digests.tobytes())]
    return pa.Array.from_buffers(pa.binary(DIGEST_BYTES), len(digests), buffers)


def from_column(column: pa.ChunkedArray) -> Digests:
    """Convert a column of bytes to digests."""
    return _rows(column)


def to_text(digests: Digests) -> pa.Array:
    """Convert digests to a column of hexadecimal text, null where there is none."""
    text = digests.tobytes().hex().encode()
    ends = np.arange(0, len(text) + 1, 2 * DIGEST_BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(ends), pa.py_buffer(text), _validity(digests))


def from_text(column: pa.ChunkedArray) -> Digests:
    """Convert a column of hexadecimal text to digests.

    Raises
    ------
    pyarrow.ArrowInvalid, binascii.Error
        If the column holds anything else.
    """
    text = pc.fill_null(column, NONE.hex()).cast(pa.binary()).cast(pa.binary(2 * DIGEST_BYTES))
    return np.frombuffer(binascii.unhexlify(_rows(text).tobytes()), np.uint8).reshape(-1, DIGEST_BYTES)


def _validity(digests: Digests) -> pa.Buffer:
    """Arrow's validity bitmap: a bit for each row, 0 where the column has a null."""
    return pa.py_buffer(np.packbits(has_digest(digests) & ~is_removed(digests), bitorder="little"))


def _rows(column: pa.ChunkedArray) -> Digests:
    """Convert a column of fixed-size binary values to rows (n, bytes), zeros where a value is null."""
    width, values = column.type.byte_width, column.combine_chunks()
    content = np.frombuffer(values.buffers()[1], np.uint8).reshape(-1, width)
    rows = content[values.offset : values.offset + len(values)].copy()
    if values.null_count:
        rows[np.asarray(values.is_null())] = 0
    return rows
