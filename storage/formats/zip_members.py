"""Unpack one member of a zip file from the bytes between its header and the next one's (PKWARE's APPNOTE.TXT 6.3)."""

import struct
import zlib

from storage.errors import BadImageError

HEADER = struct.Struct("<4s5H3I2H")  # signature, version, flags, method, time, date, CRC, two sizes, two lengths
FIELD, SIZES = struct.Struct("<2H"), struct.Struct("<2Q")  # of an extra field: kind and length; and two large sizes
LOCAL, DESCRIPTOR = b"PK\3\4", b"PK\7\x08"
STORED, DEFLATED = 0, 8
METHODS = frozenset({STORED, DEFLATED})
ENCRYPTED, SIZES_BEHIND = 1, 8  # flags: with the second, checksum and sizes are in a descriptor behind the content
IN_ZIP64 = 2**32 - 1  # stands for a size that is in an extra field
CHANGED = "the zip file changed since it was listed"


def unpacked(record: bytes, most: int) -> bytes:
    """The content of a member, checked against its checksum.

    Parameters
    ----------
    record
        The bytes from its header to the next header.
    most
        Number of bytes that it may unpack to.

    Raises
    ------
    BadImageError
        If it is damaged, encrypted, compressed in an unknown way, or too large.
    """
    if len(record) < HEADER.size or not record.startswith(LOCAL):
        raise BadImageError("unreadable", CHANGED)
    _, _, flags, method, _, _, checksum, packed, size, name, extra = HEADER.unpack_from(record)
    if flags & ENCRYPTED or method not in METHODS:
        raise BadImageError("unreadable", CHANGED)  # such members are refused when a file is listed
    start = HEADER.size + name + extra
    if IN_ZIP64 in {packed, size}:
        size, packed = _zip64(record[start - extra : start])
    body, behind = memoryview(record)[start:], bool(flags & SIZES_BEHIND)
    if size > most:
        raise _too_large(size, most)
    if method == DEFLATED:
        content, rest = _inflated(body, most)
    else:
        content, rest = _stored(body, packed) if packed or not behind else _stored_until_descriptor(body)
    if len(content) > most:
        raise _too_large(len(content), most)
    found = zlib.crc32(content)
    if found != checksum and not (behind and found == _checksum_behind(rest)):
        raise BadImageError("corrupt", "its content does not match its checksum in the zip file")
    return content


def _zip64(extra: bytes) -> tuple[int, int]:
    """Size and packed size of a member with large numbers, from the extra field 1 of its header."""
    while len(extra) >= FIELD.size:
        kind, length = FIELD.unpack_from(extra)
        if kind == 1 and length >= SIZES.size and len(extra) >= FIELD.size + SIZES.size:
            size, packed = SIZES.unpack_from(extra, FIELD.size)
            return size, packed
        extra = extra[FIELD.size + length :]
    raise BadImageError("unreadable", CHANGED)


def _inflated(body: memoryview, most: int) -> tuple[bytes, bytes]:
    """The content, of up to `most` + 1 bytes, and what lies behind it."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise BadImageError("corrupt", f"it cannot be unpacked: {error}") from None
    if not stream.eof and len(content) <= most:
        raise BadImageError("truncated", "its packed content ends too early")
    return content, stream.unused_data


def _stored(body: memoryview, size: int) -> tuple[bytes, bytes]:
    if len(body) < size:
        raise BadImageError("truncated", "the zip file ends before the image does")
    return bytes(body[:size]), bytes(body[size:])


def _stored_until_descriptor(body: memoryview) -> tuple[bytes, bytes]:
    """Content whose size only the descriptor behind it has: the first descriptor that fits what is before it."""
    whole = bytes(body)
    end = whole.find(DESCRIPTOR)
    while end >= 0:
        if zlib.crc32(whole[:end]) == _checksum_behind(whole[end:]):
            return whole[:end], whole[end:]
        end = whole.find(DESCRIPTOR, end + 1)
    raise BadImageError("unreadable", "the zip file does not say where its content ends")


def _checksum_behind(rest: bytes) -> int | None:
    """The checksum in a descriptor, behind its signature if it has one."""
    start = len(DESCRIPTOR) if rest.startswith(DESCRIPTOR) else 0
    return int.from_bytes(rest[start : start + 4], "little") if len(rest) >= start + 4 else None


def _too_large(size: int, most: int) -> BadImageError:
    return BadImageError("too large", f"{size:,} bytes, more than --max-image-bytes {most:,}")
