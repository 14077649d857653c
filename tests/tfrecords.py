"""TFRecord files, written by the description of their format."""

import struct

import google_crc32c


def masked(content):
    checksum = google_crc32c.value(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) % 2**32)


def record(data):
    """A record with its length and checksums."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(number):
    number %= 2**64
    groups = []
    while True:
        number, group = number >> 7, number & 0x7F
        groups.append(group | (0x80 if number else 0))
        if not number:
            return bytes(groups)


def field(number, content):
    """A field of bytes, or of a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def example(packed=True, **features):
    """An Example; lists of bytes, floats or whole numbers by name (with _ for /)."""
    entries = b""
    for name, values in features.items():
        if isinstance(values[0], bytes):
            content = field(1, b"".join(field(1, value) for value in values))
        elif isinstance(values[0], float):
            floats = [struct.pack("<f", value) for value in values]
            content = field(2, field(1, b"".join(floats)) if packed else b"".join(b"\x0d" + each for each in floats))
        else:
            numbers = [varint(value) for value in values]
            content = field(3, field(1, b"".join(numbers)) if packed else b"".join(b"\x08" + each for each in numbers))
        entries += field(1, field(1, name.replace("_", "/").encode()) + field(2, content))
    return field(1, entries)
