"""Digests of images: rows of bytes (n, 16) while a shard is brought, hexadecimal text in tables.

All zero is an image that has none, since it was not read yet or cannot be, and all ones a row whose image was removed.
"""

import binascii
import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import BadImageError
from tasks.products import Mask

DIGEST_BYTES = 16
NONE = bytes(DIGEST_BYTES)
REMOVED_BYTE = 0xFF

Digests = npt.NDArray[np.uint8]


def digest_of(payload: bytes | BadImageError) -> bytes:
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


def to_text(digests: Digests) -> pa.Array:
    """Digests as tables have them, null where there is none."""
    text = digests.tobytes().hex().encode()
    ends = np.arange(0, len(text) + 1, 2 * DIGEST_BYTES, dtype=np.int32)
    column = pa.StringArray.from_buffers(len(digests), pa.py_buffer(ends), pa.py_buffer(text))
    return pc.if_else(pa.array(has_digest(digests) & ~is_removed(digests)), column, None)


def from_text(column: pa.ChunkedArray) -> Digests:
    """Digests from a column of a table.

    Raises
    ------
    pyarrow.ArrowInvalid, binascii.Error
        If one is not what `to_text` writes.
    """
    full = pc.fill_null(column, NONE.hex()).combine_chunks()
    text = full.cast(pa.binary()).cast(pa.binary(2 * DIGEST_BYTES))  # all of one length, one after the other
    if not len(text):
        return np.empty((0, DIGEST_BYTES), np.uint8)
    start = text.offset * 2 * DIGEST_BYTES
    content = text.buffers()[1].to_pybytes()[start : start + 2 * DIGEST_BYTES * len(text)]
    return np.frombuffer(binascii.unhexlify(content), np.uint8).reshape(-1, DIGEST_BYTES)
