"""Use libjpeg's warnings about a JPEG file to decide whether its pixels are damaged.

libjpeg decodes a damaged file to its end and only warns; simplejpeg gives the first warning. A harmless warning could
hide a serious one. So the cause of a harmless warning is removed from the file, which is then decoded again. Messages
and their meaning: jerror.h, jdmarker.c and jdhuff.c of libjpeg-turbo 3.
"""

import re
from collections import Counter
from collections.abc import Callable

import simplejpeg

from storage.errors import BadImageError

MOST_SCANS = 100  # progressive files have 10 from common encoders, and up to 30 from an optimizer
FEWEST_LINE_FEEDS = 3  # by chance, all of three follow a carriage return once in 2^24 files
MOST_WARNINGS = 8  # harmless warnings in one file
SCAN, END = b"\xff\xda", b"\xff\xd9"
ESCAPE = 0xFF
STANDALONE = re.compile(rb"\xff[\x01\xd0-\xd8]")  # markers without a length
SEQUENTIAL = b"\x00\x3f\x00"  # the only parameters that a scan of a sequential file may have
COLOUR_SPACES = {"Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}
MISSING = "Corrupt JPEG data: premature end of data segment"
UNNAMED_SAMPLING = "subsampling"  # in TurboJPEG's error about color planes of unusual sizes


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
        If it warns; the message has the decoder's words.
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
    """Refuse a JPEG file with more scans than any encoder writes, since each scan takes as long as an image.

    Raises
    ------
    BadImageError
        If it has too many; the message names both numbers.
    """
    scans = payload.count(SCAN)
    if scans > MOST_SCANS:
        raise BadImageError("too large", f"{scans} scans, more than {MOST_SCANS}")


def require_binary(content: bytes) -> None:
    """Refuse compressed bytes whose line feeds all follow a carriage return, as after a transfer in text mode.

    Raises
    ------
    BadImageError
        If so, and there are enough line feeds to be sure.
    """
    first = content.find(b"\n")
    if content[first - 1 : first] != b"\r":  # of almost all files
        return
    feeds = content.count(b"\n")
    if feeds >= FEWEST_LINE_FEEDS and content.count(b"\r\n") == feeds:
        raise BadImageError("corrupt", "each line feed follows a carriage return: it was transferred in text mode")


def _first_warning(payload: bytes) -> str | None:
    """Get libjpeg's first warning. The whole file is decoded at an eighth of its size, and the pixels are dropped."""
    try:
        colours = simplejpeg.decode_jpeg_header(payload, strict=False)[2]
        simplejpeg.decode_jpeg(payload, COLOUR_SPACES.get(colours, "RGB"), min_height=1, min_width=1)
    except KeyError:  # simplejpeg does not know this sampling
        return UNNAMED_SAMPLING
    except ValueError as error:
        return str(error)
    return None


def _without_cause(payload: bytes, warning: str, notes: Counter[str]) -> bytes:
    """Count a harmless warning, and return the file without its cause."""
    for pattern, (kind, cure) in HARMLESS.items():
        match = re.search(pattern, warning)
        cured = cure(payload, match) if match else None
        if cured is not None and cured != payload:
            notes[kind] += 1
            return cured
    reason = "truncated" if warning.startswith("Premature end") else "corrupt"
    raise BadImageError(reason, warning.removeprefix("Corrupt JPEG data: "))


def _segments(payload: bytes) -> tuple[list[tuple[int, int]], int]:
    """Begin and end of each segment before the first scan, and the begin of the scan."""
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
    """The file without bytes between segments, on which no pixel depends, or else without padding behind a scan."""
    segments, scan = _segments(payload)
    cleaned = payload[:2] + b"".join(payload[start:stop] for start, stop in segments) + payload[scan:]
    if cleaned != payload:
        return cleaned
    return _without_padding(payload, scan, int(match[1]), int(match[2], 16))


def _without_padding(payload: bytes, scan: int, count: int, marker: int) -> bytes | None:
    """The file without the zeros between a scan and a marker; None if other bytes are there, or pixels need them.

    Bytes other than zeros are pixels that the decoder did not reach, as after a transfer in text mode.
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
    """The file with valid parameters in each scan's header: those that a sequential decoder assumes."""
    parts = payload.split(SCAN)
    for number, part in enumerate(parts[1:], 1):
        end = int.from_bytes(part[:2], "big")
        parts[number] = part[: end - 3] + SEQUENTIAL + part[end:]
    return SCAN.join(parts)


# Warnings that do not concern pixels: the note to count each as, and a function that removes its cause.
HARMLESS: dict[str, tuple[str, Callable[[bytes, re.Match[str]], bytes | None]]] = {
    r"(\d+) extraneous bytes before marker 0x(..)": ("JPEG with padding", _without_junk),
    r"unknown JFIF revision": ("JPEG of an unknown JFIF revision", _in_segment(b"JFIF\0", 0, b"\1")),
    r"unknown Adobe color transform": ("JPEG with an unknown Adobe color transform", _in_segment(b"Adobe", 6, b"\1")),
    r"Invalid SOS parameters for sequential": ("JPEG with scan parameters that do not apply", _sequential),
    r"bad ICC|ICC profile": ("JPEG with a damaged color profile", _without_profile),
}
