"""Digests of images: rows of bytes (n, 16) while a shard is brought, a column of them or of hexadecimal text in tables.

All zero is an image that has none, since it was not read yet or cannot be, and all ones a row whose image was removed.
"""

import binascii
import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import BadImageError
from storage.tables import DIGEST_BYTES

NONE = bytes(DIGEST_BYTES)
REMOVED_BYTE = 0xFF

Digests = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def image_digest(payload: bytes | BadImageError) -> bytes:
    """The first 128 bits of the SHA-256 of an image's stored bytes; zeros if they cannot be read."""
    return NONE if isinstance(payload, BadImageError) else hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def without_digests(removed: Mask) -> Digests:
    """What is known of images of which none was read: which are removed."""
    return np.repeat(np.where(removed, REMOVED_BYTE, 0).astype(np.uint8)[:, None], DIGEST_BYTES, axis=1)


def has_digest(digests: Digests) -> Mask:
    """Which rows need not be read: those with a digest, and those whose image was removed."""
    found: Mask = (digests != 0).any(axis=1)
    return found


def is_removed(digests: Digests) -> Mask:
    """Rows whose image was removed."""
    found: Mask = (digests == REMOVED_BYTE).all(axis=1)
    return found


def to_column(digests: Digests) -> pa.Array:
    """Digests as a column of bytes, null where there is none."""
    buffers = [None, pa.py_buffer(digests.tobytes())]
    return _with_nulls(pa.Array.from_buffers(pa.binary(DIGEST_BYTES), len(digests), buffers), digests)


def from_column(column: pa.ChunkedArray) -> Digests:
    """Digests from such a column."""
    return np.frombuffer(_content(column), np.uint8).reshape(-1, DIGEST_BYTES)


def to_text(digests: Digests) -> pa.Array:
    """Digests as a column of hexadecimal text, null where there is none."""
    text = digests.tobytes().hex().encode()
    ends = np.arange(0, len(text) + 1, 2 * DIGEST_BYTES, dtype=np.int32)
    return _with_nulls(pa.StringArray.from_buffers(len(digests), pa.py_buffer(ends), pa.py_buffer(text)), digests)


def from_text(column: pa.ChunkedArray) -> Digests:
    """Digests from such a column.

    Raises
    ------
    pyarrow.ArrowInvalid, binascii.Error
        If it holds something else.
    """
    text = pc.fill_null(column, NONE.hex()).cast(pa.binary()).cast(pa.binary(2 * DIGEST_BYTES))
    return np.frombuffer(binascii.unhexlify(_content(text)), np.uint8).reshape(-1, DIGEST_BYTES)


def _with_nulls(column: pa.Array, digests: Digests) -> pa.Array:
    return pc.if_else(pa.array(has_digest(digests) & ~is_removed(digests)), column, None)


def _content(column: pa.ChunkedArray) -> bytes:
    """All bytes of a column of values of one length, zeros where there is none."""
    width = column.type.byte_width
    full = pc.fill_null(column, pa.scalar(bytes(width), column.type)).combine_chunks()
    if not len(full):
        return b""
    content: bytes = full.buffers()[1].to_pybytes()
    return content[full.offset * width : (full.offset + len(full)) * width]
