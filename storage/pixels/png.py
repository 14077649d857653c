"""Verify a PNG file: the checksum of each chunk, and that no pixels are missing.

Pillow verifies neither the checksums of chunks with pixels nor the length of their stream. The format: ISO/IEC 15948.
"""

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from storage.errors import BadImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FIRST_CHUNK = b"\0\0\0\rIHDR"
EXIF_MARKS = (b"eXIf", b"Raw profile type exif")  # a file with Exif has one of them
MOST_PLAIN_BYTES, MOST_PLAIN_PIXELS = 2**24, 2**22
FRAME = 12  # bytes of a chunk besides its content: length, kind, checksum
PIECE = 2**22  # bytes to unpack at a time
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # values per pixel, by color type
# Passes of an interlaced image (Adam7): first column and row, and steps to the next.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def require_sound(payload: bytes) -> None:
    """Verify the checksum of each chunk of a PNG file, up to its end.

    Raises
    ------
    BadImageError
        If a chunk is damaged, or the last is missing.
    """
    for kind, content, checksum in _chunks(payload):
        if zlib.crc32(content, zlib.crc32(kind)) != checksum:
            raise BadImageError("corrupt", f"the chunk {kind.decode('latin1')!r} does not match its checksum")


def is_plain(payload: bytes) -> bool:
    """Whether a file is a PNG of so few bytes and pixels that decoding it here takes little time and memory."""
    if not payload.startswith(SIGNATURE + FIRST_CHUNK) or len(payload) > MOST_PLAIN_BYTES:
        return False
    width, height, interlaced = (
        int.from_bytes(payload[16:20], "big"),
        int.from_bytes(payload[20:24], "big"),
        payload[28:29],
    )
    return width * height <= MOST_PLAIN_PIXELS and interlaced == b"\0"


def require_all_rows(payload: bytes, image: Image.Image) -> None:
    """Verify that the file has all pixels that its header announces.

    Pillow leaves missing rows at zero. Rows are stored in order, so the stream is unpacked a second time only if the
    last row is all zeros, or the image is interlaced.

    Parameters
    ----------
    payload
        The file, whose chunks match their checksums.
    image
        The image decoded from it.

    Raises
    ------
    BadImageError
        If pixels are missing.
    """
    interlaced = image.info.get("interlace", 0)
    last = image.crop((0, image.height - 1, image.width, image.height))
    if not interlaced and np.asarray(last).any():
        return
    expected, found = _expected_bytes(payload), _unpacked_bytes(payload)
    if found < expected:
        raise BadImageError("truncated", f"its pixels are {found} bytes where {expected} are announced")


def _chunks(payload: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Kind, content and checksum of each chunk."""
    view, place, kind = memoryview(payload), len(SIGNATURE), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(view[place : place + 4], "big"), payload[place + 4 : place + 8]
        end = place + FRAME + length
        if end > len(payload):
            raise BadImageError("truncated", f"the file ends within a chunk, after {len(payload)} bytes")
        yield kind, view[place + 8 : end - 4], int.from_bytes(view[end - 4 : end], "big")
        place = end


def _expected_bytes(payload: bytes) -> int:
    """Size of all rows in bytes, each with the byte for its filter."""
    _, header, _ = next(_chunks(payload))
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * SAMPLES[header[9]]
    total = 0
    for left, top, across, down in PASSES if header[12] else ((0, 0, 1, 1),):
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _unpacked_bytes(payload: bytes) -> int:
    """Size of the unpacked stream of pixels in bytes."""
    stream, total = zlib.decompressobj(), 0
    for kind, content, _ in _chunks(payload):
        waiting: bytes | memoryview = content if kind == b"IDAT" else b""
        while waiting and not stream.eof:
            try:
                total += len(stream.decompress(waiting, PIECE))
            except zlib.error as error:
                raise BadImageError("corrupt", f"its pixels cannot be unpacked: {error}") from None
            waiting = stream.unconsumed_tail
    return total
