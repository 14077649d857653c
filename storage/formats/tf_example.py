"""Records of TFRecord files, and the features of the Example in each.

The record: https://www.tensorflow.org/tutorials/load_data/tfrecord. The messages Example, Features and Feature:
tensorflow/core/example/feature.proto, in the wire format of Protocol Buffers, of which only what they use is read.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import google_crc32c

from storage.errors import InputError

HEAD, TAIL = struct.Struct("<QI"), struct.Struct("<I")  # length with its checksum; checksum of the data
LENGTH = struct.Struct("<Q")
MASK = 0xA282EAD8
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
MOST_VARINT = 10  # bytes
BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3

Value = list[int] | list[float] | list["Span"]


class Span(NamedTuple):
    """Place of bytes in a record."""

    start: int
    stop: int


def records(file: BinaryIO, where: str, most: int) -> Iterator[tuple[int, bytes]]:
    """Position and data of each record of a file, whose checksums are verified.

    Parameters
    ----------
    file, where
        The file, and its name for messages.
    most
        Largest record in bytes.

    Raises
    ------
    InputError
        If a record is damaged, cut short or larger.
    """
    position, number = 0, 0
    while head := file.read(HEAD.size):
        if len(head) < HEAD.size:
            behind = f"behind its record {number - 1}" if number else "in its first record"
            raise InputError(f"{where} is cut short {behind}; get it again.")
        length, checksum = HEAD.unpack(head)
        if _masked(head[: LENGTH.size]) != checksum:
            raise InputError(f"{where} is no TFRecord file, or damaged at byte {position}; get it again.")
        if length > most:
            raise InputError(
                f"Record {number} of {where} takes {length:,} bytes, more than {most:,}, the most that is read."
            )
        data = file.read(length)
        tail = file.read(TAIL.size)
        if len(data) < length or len(tail) < TAIL.size:
            raise InputError(f"{where} is cut short in its record {number}; get it again.")
        if _masked(data) != TAIL.unpack(tail)[0]:
            raise InputError(f"Record {number} of {where} does not match its checksum; get it again.")
        yield position + HEAD.size, data
        position, number = position + HEAD.size + length + TAIL.size, number + 1


def begins(head: bytes) -> bool:
    """Whether a file with these first bytes is a TFRecord file."""
    return len(head) == HEAD.size and _masked(head[: LENGTH.size]) == HEAD.unpack(head)[1]


def _masked(content: bytes) -> int:
    checksum: int = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + MASK) & 0xFFFFFFFF


def features(data: bytes) -> dict[str, Value]:
    """Features of an Example by name: whole numbers, floating-point numbers, or places of bytes.

    Raises
    ------
    ValueError
        If the data is no Example.
    """
    found: dict[str, Value] = {}
    whole = Span(0, len(data))
    for outer in _messages(data, whole, 1):
        for entry in _messages(data, outer, 1):
            (key,) = _messages(data, entry, 1)
            found[data[key.start : key.stop].decode()] = [
                value for feature in _messages(data, entry, 2) for value in _values(data, feature)
            ]  # type: ignore[assignment]
    return found


def _values(data: bytes, feature: Span) -> Iterator[int | float | Span]:
    for kind, content in _fields(data, feature):
        if not isinstance(content, Span):
            raise ValueError("a feature is a list")  # noqa: TRY004
        for number, value in _fields(data, content):
            if number == 1:
                yield from _unpacked(data, kind, value)


def _unpacked(data: bytes, kind: int, value: Span | int | bytes) -> Iterator[int | float | Span]:
    """Values of a list: one, or several that are packed."""
    if kind == BYTES_LIST and isinstance(value, Span):
        yield value
    elif kind == FLOAT_LIST and isinstance(value, Span) and (value.stop - value.start) % 4 == 0:
        yield from struct.unpack(f"<{(value.stop - value.start) // 4}f", data[value.start : value.stop])
    elif kind == FLOAT_LIST and isinstance(value, bytes) and len(value) == 4:  # noqa: PLR2004
        yield from struct.unpack("<f", value)
    elif kind == INT64_LIST and isinstance(value, Span):
        position = value.start
        while position < value.stop:
            number, position = _varint(data, position, value.stop)
            yield _signed(number)
    elif kind == INT64_LIST and isinstance(value, int):
        yield _signed(value)
    else:
        raise ValueError("a list has values of another type")


def _messages(data: bytes, within: Span, number: int) -> list[Span]:
    """Places of the messages, texts or bytes of a field."""
    return [content for field, content in _fields(data, within) if field == number and isinstance(content, Span)]


def _fields(data: bytes, within: Span) -> Iterator[tuple[int, Span | int | bytes]]:
    """Fields of a message with their numbers; those of variable length by their place."""
    position = within.start
    while position < within.stop:
        key, position = _varint(data, position, within.stop)
        kind = key & 7
        if kind == VARINT:
            value, position = _varint(data, position, within.stop)
            yield key >> 3, value
            continue
        length = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == BYTES:
            length, position = _varint(data, position, within.stop)
        if length is None or position + length > within.stop:
            raise ValueError("a field ends behind its message")
        place = Span(position, position + length)
        yield key >> 3, place if kind == BYTES else data[place.start : place.stop]
        position = place.stop


def _varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    """A number in groups of 7 bits, and the position behind it."""
    number = 0
    for place in range(MOST_VARINT):
        if position + place >= stop:
            break
        byte = data[position + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004
            return number, position + place + 1
    raise ValueError("a number does not end")


def _signed(number: int) -> int:
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number
