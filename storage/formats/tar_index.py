"""Names and places of the members of a tar file, read header by header without extracting them.

The formats are ustar and pax (POSIX.1-2001), with the long names of GNU tar. Python's tarfile reads the same formats,
but it keeps every member in memory and accepts a file that is cut short.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from storage.errors import InputError

BLOCK = 512
END = bytes(BLOCK)  # two such blocks end a file
MOST_EXTRA = 2**20  # largest size of a long name or of pax records, in bytes
MOST_SIZE = 2**62
REGULAR = frozenset({b"0", b"\0", b"7"})
LINKS = frozenset({b"1", b"2"})
SPARSE, PAX_SPARSE = b"S", b"GNU.sparse."  # files with holes, which are not stored
LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL = b"L", b"K", b"x", b"g"
NAME, SIZE, CHECKSUM, TYPE, MAGIC, PREFIX = (
    slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157), slice(257, 262), slice(345, 500)
)  # fmt: skip
PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=]+)=")


class Member(NamedTuple):
    """A member of a tar file: its name, and the place of its bytes; `length` is None for a link."""

    name: str
    offset: int
    length: int | None


def tar_members(file: BinaryIO, where: str) -> Iterator[Member]:
    """The files and links of a tar file, in order.

    Parameters
    ----------
    file
        The tar file, which is read from its beginning.
    where
        Name of the tar file for messages.

    Raises
    ------
    InputError
        If it is not a tar file, is damaged or cut short, or holds sparse files.
    """
    position, count = 0, 0
    size = file.seek(0, 2)
    extra: dict[bytes, bytes] = {}
    while (header := _block(file, position)) != END:
        if len(header) < BLOCK:
            raise InputError(f"{where} is cut short after {count} files: it has no end blocks; get it again.")
        kind, length = header[TYPE], _number(header[SIZE])
        if length is None or not is_header(header):
            raise InputError(f"{where} is not a tar file, or damaged at byte {position}; get it again.")
        length = _pax_size(extra, length)
        start = position + BLOCK
        position = start + -(-length // BLOCK) * BLOCK
        if position > size:
            raise InputError(f"{where} is cut short in its file number {count + 1}; get it again.")
        if kind in {LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL}:
            if kind in {LONG_NAME, PAX}:
                extra |= _extra(file, start, length, kind, where)
            continue
        if kind == SPARSE or any(name.startswith(PAX_SPARSE) for name in extra):
            raise InputError(
                f"{where} holds {_name(header, extra)} as a sparse file, which cannot be read in place; "
                "make the archive again without --sparse (-S)."
            )
        if kind in REGULAR | LINKS:
            count += 1
            yield Member(_name(header, extra), start, length if kind in REGULAR else None)
        extra = {}
    if _block(file, position + BLOCK) != END:
        raise InputError(f"{where} is cut short after {count} files: one of two end blocks is missing; get it again.")


def _block(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(BLOCK)


def _number(field: bytes) -> int | None:
    """Parse a number in octal digits, or in binary if the first bit is set."""
    if field[0] == 0x80:  # noqa: PLR2004
        number = int.from_bytes(field[1:], "big")
        return number if number < MOST_SIZE else None
    digits = field.split(b"\0", 1)[0].strip()
    return int(digits or b"0", 8) if not digits or re.fullmatch(rb"[0-7]+", digits) else None


def is_header(header: bytes) -> bool:
    """Whether a block is a header: its checksum is the sum of its bytes, its own field counted as blanks."""
    return _number(header[CHECKSUM]) == sum(header) - sum(header[CHECKSUM]) + 8 * ord(" ")


def _extra(file: BinaryIO, start: int, length: int, kind: bytes, where: str) -> dict[bytes, bytes]:
    """Read an extra entry before a header, whose values replace the header's fields."""
    if length > MOST_EXTRA:
        raise InputError(f"{where} has a file name of {length} bytes, longer than any tool writes; get it again.")
    file.seek(start)
    content = file.read(length)
    if kind == LONG_NAME:
        return {b"path": content.rstrip(b"\0")}
    records: dict[bytes, bytes] = {}
    position = 0
    while match := PAX_RECORD.match(content, position):
        end = position + int(match[1])
        if end <= match.end():
            break
        records[match[2]] = content[match.end() : end - 1]
        position = end
    return records


def _pax_size(extra: dict[bytes, bytes], length: int) -> int:
    digits = extra.get(b"size", b"")
    return int(digits) if digits.isdigit() and len(digits) <= len(str(MOST_SIZE)) else length


def _name(header: bytes, extra: dict[bytes, bytes]) -> str:
    name = extra.get(b"path")
    if name is None:
        name = header[NAME].split(b"\0", 1)[0]
        prefix = header[PREFIX].split(b"\0", 1)[0]
        # GNU tar uses the field of the prefix for other data, and marks this behind the magic.
        if prefix and header[MAGIC] == b"ustar" and header[262:263] == b"\0":
            name = prefix + b"/" + name
    return name.decode("utf-8", "backslashreplace")
