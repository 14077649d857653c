"""libjpeg's warnings about a JPEG file: which of them mean that its pixels are not the encoder's.

libjpeg decodes a damaged file to its end and says so by a warning, of which simplejpeg gives the first. A warning that
has nothing to do with pixels could hide one that has. So what drew it is taken out of the file, which is then decoded
again. Messages and their meaning: jerror.h, jdmarker.c and jdhuff.c of libjpeg-turbo 3.
"""

import re
from collections import Counter
from collections.abc import Callable

import simplejpeg

from storage.errors import BadImageError

MOST_SCANS = 100  # a progressive file of common encoders has 10, one of an optimizer up to 30
FEWEST_LINE_FEEDS = 3  # of which all follow a carriage return by chance once in 2^24 files
MOST_WARNINGS = 8  # in one file, of those that are harmless
SCAN, END = b"\xff\xda", b"\xff\xd9"
ESCAPE = 0xFF
STANDALONE = re.compile(rb"\xff[\x01\xd0-\xd8]")  # markers without a length
SEQUENTIAL = b"\x00\x3f\x00"  # the only parameters that a scan of a sequential file may have
COLOUR_SPACES = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}
MISSING = "Corrupt JPEG data: premature end of data segment"
UNNAMED_SAMPLING = "subsampling"  # in what TurboJPEG says about color planes of sizes that it has no name for


def require_sound(payload: bytes, notes: Counter[str]) -> None:
    """Refuse a JPEG file whose decoder warns that pixels are missing or wrong.

    Parameters
    ----------
    payload
        The file.
    notes
        Counts harmless oddities, by kind.

    Raises
    ------
    BadImageError
        With the decoder's words.
    """
    require_few_scans(payload)
    require_binary(payload[payload.rfind(SCAN) :])
    for _ in range(MOST_WARNINGS):
        warning = _first_warning(payload)
        if warning is None:
            return
        if UNNAMED_SAMPLING in warning:
            notes["JPEG of a sampling that cannot be checked for damage"] += 1
            return
        payload = _without_cause(payload, warning, notes)
    raise BadImageError("corrupt", f"more than {MOST_WARNINGS} warnings of the decoder")


def require_few_scans(payload: bytes) -> None:
    """Refuse a JPEG file that draws its pixels more often than any encoder does: each scan takes as long as an image.

    Raises
    ------
    BadImageError
        Naming both numbers.
    """
    scans = payload.count(SCAN)
    if scans > MOST_SCANS:
        raise BadImageError("too large", f"{scans} scans, more than {MOST_SCANS}")


def require_binary(content: bytes) -> None:
    """Refuse compressed bytes whose line feeds all follow a carriage return, as after a transfer in text mode.

    Raises
    ------
    BadImageError
        If there are enough line feeds to tell.
    """
    feeds = content.count(b"\n")
    if feeds >= FEWEST_LINE_FEEDS and content.count(b"\r\n") == feeds:
        raise BadImageError("corrupt", "each line feed follows a carriage return: it was transferred in text mode")


def _first_warning(payload: bytes) -> str | None:
    """What libjpeg says first; the pixels, an eighth of their size, are dropped, but all of the file is decoded."""
    try:
        colours = simplejpeg.decode_jpeg_header(payload, strict=False)[2]
        simplejpeg.decode_jpeg(payload, COLOUR_SPACES.get(colours, "RGB"), min_factor=8)
    except KeyError:  # simplejpeg has no name for it
        return UNNAMED_SAMPLING
    except ValueError as error:
        return str(error)
    return None


def _without_cause(payload: bytes, warning: str, notes: Counter[str]) -> bytes:
    """The file without what drew a harmless warning, which is counted."""
    for pattern, (kind, cure) in HARMLESS.items():
        match = re.search(pattern, warning)
        cured = cure(payload, match) if match else None
        if cured is not None and cured != payload:
            notes[kind] += 1
            return cured
    reason = "truncated" if warning.startswith("Premature end") else "corrupt"
    raise BadImageError(reason, warning.removeprefix("Corrupt JPEG data: "))


def _segments(payload: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where the segments before the first scan begin and end, and where the scan's begins."""
    found: list[tuple[int, int]] = []
    place = 2
    while True:
        place = payload.find(b"\xff", place)
        marker = payload[place : place + 2]
        if place < 0 or len(marker) < len(SCAN) or marker == SCAN:
            return found, place if marker == SCAN else len(payload)
        if marker in {b"\xff\xff", b"\xff\x00"}:
            place += len(marker) - (marker[1] == marker[0])
        else:
            length = 0 if STANDALONE.match(marker) else int.from_bytes(payload[place + 2 : place + 4], "big")
            found.append((place, place + len(marker) + length))
            place += len(marker) + length


def _without_junk(payload: bytes, match: re.Match[str]) -> bytes | None:
    """Without bytes between segments, which no pixel depends on, or else without padding behind a scan."""
    segments, scan = _segments(payload)
    cleaned = payload[:2] + b"".join(payload[start:stop] for start, stop in segments) + payload[scan:]
    if cleaned != payload:
        return cleaned
    return _without_padding(payload, scan, int(match[1]), int(match[2], 16))


def _without_padding(payload: bytes, scan: int, count: int, marker: int) -> bytes | None:
    """Without the zeros between a scan and a marker; None if other bytes are there, or pixels are missing without them.

    Bytes other than zeros are pixels that the decoder did not come to, as after a transfer in text mode.
    """
    for found in re.finditer(b"\xff+" + re.escape(bytes([marker])), payload[scan:]):
        stop = scan + found.start()
        start = len(payload[:stop].rstrip(b"\0"))
        if stop - start >= count:
            start += payload[start - 1] == ESCAPE  # whose zero belongs to it
            shorter = payload[:start] + payload[stop:]
            return None if _first_warning(shorter) == MISSING else shorter
    return None


def _in_segment(signature: bytes, offset: int, value: bytes) -> Callable[[bytes, re.Match[str]], bytes | None]:
    """Puts other bytes at a place behind the signature of a segment."""

    def cure(payload: bytes, _: re.Match[str]) -> bytes | None:
        place = payload.find(signature)
        start = place + len(signature) + offset
        return None if place < 0 else payload[:start] + value + payload[start + len(value) :]

    return cure


def _without_profile(payload: bytes, _: re.Match[str]) -> bytes:
    segments, scan = _segments(payload)
    kept = (payload[start:stop] for start, stop in segments if payload[start : start + 2] != b"\xff\xe2")
    return payload[:2] + b"".join(kept) + payload[scan:]


def _sequential(payload: bytes, _: re.Match[str]) -> bytes:
    """With the parameters in each scan's header that a sequential file must have, and that its decoder assumes."""
    parts = payload.split(SCAN)
    for number, part in enumerate(parts[1:], 1):
        end = int.from_bytes(part[:2], "big")
        parts[number] = part[: end - 3] + SEQUENTIAL + part[end:]
    return SCAN.join(parts)


# Warnings that say nothing about pixels: what to count them as, and how to take out what drew them.
HARMLESS: dict[str, tuple[str, Callable[[bytes, re.Match[str]], bytes | None]]] = {
    r"(\d+) extraneous bytes before marker 0x(..)": ("JPEG with padding", _without_junk),
    r"unknown JFIF revision": ("JPEG of an unknown JFIF revision", _in_segment(b"JFIF\0", 0, b"\1")),
    r"unknown Adobe color transform": ("JPEG with an unknown Adobe color transform", _in_segment(b"Adobe", 6, b"\1")),
    r"Invalid SOS parameters for sequential": ("JPEG with scan parameters that do not apply", _sequential),
    r"bad ICC|ICC profile": ("JPEG with a damaged color profile", _without_profile),
}
