"""Verify the lengths that GIF, BMP, WebP, AVIF and TIFF files state about themselves. These formats have no checksums.

Formats: "Graphics Interchange Format, Version 89a", "WebP Container Specification", "TIFF Revision 6.0",
ISO/IEC 14496-12 for the boxes of AVIF.
"""

import struct
import zlib
from collections import Counter
from typing import Any

from PIL import Image

from storage.errors import BadImageError
from storage.pixels import jpeg_warnings

MOST_STRIPS = 2**16  # in a TIFF file; Pillow converts all their entries to numbers, whatever the image's size
MOST_TAG_BYTES = 2**24
TAG_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
COMPRESSION, STRIPS, STRIP_BYTES, TILES, TILE_BYTES, JPEG_TABLES = 259, 273, 279, 324, 325, 347
JPEG, DEFLATE = 7, {8, 32946}
PIECE = 2**22  # bytes to unpack at a time


def require_header(payload: bytes) -> None:
    """Refuse a TIFF file with more strips, or more bytes of a tag, than Pillow can read in little memory.

    Raises
    ------
    BadImageError
        If so; the message names both numbers.
    """
    order = {b"II": "<", b"MM": ">"}.get(payload[:2])
    if order is None:
        return
    large = payload[2:4] in {b"+\0", b"\0+"}
    first, many, entry = ("Q", "Q", "HHQQ") if large else ("I", "H", "HHII")
    try:
        (start,) = struct.unpack_from(order + first, payload, 8 if large else 4)
        (entries,) = struct.unpack_from(order + many, payload, start)
        start += struct.calcsize(order + many)
        size = struct.calcsize(order + entry)
        for number in range(min(entries, (len(payload) - start) // size)):
            tag, kind, count, _ = struct.unpack_from(order + entry, payload, start + number * size)
            size_of_tag = count * TAG_SIZES.get(kind, 0)
            if size_of_tag > len(payload):
                continue  # Pillow skips this tag
            if tag in {STRIPS, TILES} and count > MOST_STRIPS:
                raise BadImageError("too large", f"{count} strips or tiles, more than {MOST_STRIPS}")
            if size_of_tag > MOST_TAG_BYTES:
                raise BadImageError("too large", f"a tag of {count} values, more than {MOST_TAG_BYTES} bytes")
    except (struct.error, OverflowError):
        return  # Pillow reports the error in the header


def require_sound(payload: bytes, image: Image.Image, notes: Counter[str]) -> None:
    """Verify an image's file, as far as its format allows, before the image is decoded.

    Raises
    ------
    BadImageError
        If the file is cut short or damaged.
    """
    if image.format == "GIF":
        _require_gif(payload)
    elif image.format == "TIFF":
        _require_tiff(payload, image, notes)
    elif image.format == "WEBP":
        stated = 8 + int.from_bytes(payload[4:8], "little")
        _require_length(payload, stated)
        _require_end(payload[:stated])
    elif image.format == "AVIF":
        _require_end(payload[: _boxes_end(payload)])
    elif image.format == "BMP":
        _require_length(payload, int.from_bytes(payload[2:6], "little"))


def _require_length(payload: bytes, stated: int) -> None:
    """Refuse a file that is longer than it states because a text-mode transfer made each line feed two bytes."""
    if len(payload) > stated:
        jpeg_warnings.require_binary(payload)


def _require_end(content: bytes) -> None:
    """Refuse a file of which a large part is missing and filled with zeros."""
    zeros = len(content) - len(content.rstrip(b"\0"))
    # A uniform area also leaves zeros at the end, up to 6 % of the file.
    if zeros > len(content) // 4:
        raise BadImageError("corrupt", f"the last {zeros} of {len(content)} bytes are zeros")


def _boxes_end(payload: bytes) -> int:
    """Position behind the boxes that make up the file; zeros may follow. Refuse a file that ends within a box."""
    place = 0
    while place + 8 <= len(payload) and any(payload[place : place + 8]):
        stated = int.from_bytes(payload[place : place + 4], "big")
        length = {0: len(payload) - place, 1: int.from_bytes(payload[place + 8 : place + 16], "big")}.get(
            stated, stated
        )
        if length < 8:  # noqa: PLR2004 - its own length and kind
            raise BadImageError("corrupt", f"a box of {length} bytes at byte {place}")
        place += length
    if place > len(payload):
        raise BadImageError("truncated", f"the file ends within a box, after {len(payload)} bytes")
    return place


def _require_gif(payload: bytes) -> None:
    """Verify that the file has all blocks up to the end of the first frame."""
    place = 13 + _palette_bytes(payload[10:11])
    while (kind := payload[place : place + 1]) == b"!":
        place = _after_blocks(payload, place + 2)
    if kind == b",":
        _after_blocks(payload, place + 11 + _palette_bytes(payload[place + 9 : place + 10]))
    else:
        raise BadImageError("truncated", f"the file ends before its first frame, at byte {place}")


def _palette_bytes(flags: bytes) -> int:
    return 3 * 2 ** (1 + (flags[0] & 7)) if flags and flags[0] & 0x80 else 0


def _after_blocks(payload: bytes, place: int) -> int:
    """Position behind the blocks that begin at a place. Each begins with its length; the last has length zero."""
    while place < len(payload):
        length = payload[place]
        place += 1 + length
        if not length:
            return place
    raise BadImageError("truncated", f"the file ends within a block, after {len(payload)} bytes")


def _require_tiff(payload: bytes, image: Image.Image, notes: Counter[str]) -> None:
    """Verify strips: unpack those with a checksum, and decode JPEG strips with a stricter decoder."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    compression = tags.get(COMPRESSION)
    starts, counts = tags.get(STRIPS) or tags.get(TILES) or (), tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ()
    for start, count in zip(starts, counts, strict=False):
        strip = payload[start : start + count]
        if len(strip) < count:
            raise BadImageError("truncated", f"the file ends before the {count} bytes of pixels at byte {start}")
        if compression in DEFLATE:
            _require_deflated(strip)
        elif compression == JPEG:
            tables = tags.get(JPEG_TABLES) or b"\xff\xd8\xff\xd9"
            jpeg_warnings.require_sound(bytes(tables[:-2]) + strip[2:], notes)


def _require_deflated(strip: bytes) -> None:
    """Unpack a strip up to the checksum at its end, which libtiff does not reach if it has all pixels before."""
    stream = zlib.decompressobj()
    try:
        while strip and not stream.eof:
            stream.decompress(strip, PIECE)
            strip = stream.unconsumed_tail
    except zlib.error as error:
        raise BadImageError("corrupt", f"its pixels cannot be unpacked: {error}") from None
    if not stream.eof:
        raise BadImageError("truncated", "a strip of its pixels ends before its checksum")
