"""What damages to files give, by format: `python -m tests.storage.damages` writes the tables of docs/damage.md.

Each damage is done to one file: an image of each format, and the file with the pixels of a dataset of each format.
"""

import base64
import gzip
import re
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from tests.formats import FORMATS, SIDE, make_images
from tests.storage.pixels.damage import OPTIONS, encode, picture
from tests.storage.pixels.damage import SIDE as PICTURE_SIDE

PAGE = Path(__file__).parent.parent.parent / "docs" / "damage.md"
SAME, WRONG = "same", "**wrong**"
BLOCK = 64


def part(share):
    return lambda content: content[: int(len(content) * share)]


def lost(count):
    return lambda content: content[:-count]


def overwritten(start, stop, byte=0):
    """A byte repeated from one share of the file to another."""

    def damage(content):
        first, last = int(len(content) * start), int(len(content) * stop)
        return content[:first] + bytes([byte]) * (last - first) + content[last:]

    return damage


def inside(change, length=BLOCK):
    """A change of some bytes in the middle."""

    def damage(content):
        start = len(content) // 2
        return content[:start] + change(content[start : start + length]) + content[start + length :]

    return damage


def flipped(count, start=0.0):
    """Bits flipped at random places behind a share of the file."""

    def damage(content):
        damaged, random = bytearray(content), np.random.default_rng(len(content))
        for place in random.integers(int(len(content) * start), len(content), count):
            damaged[place] ^= 1 << int(random.integers(8))
        return bytes(damaged)

    return damage


def noise(block):
    return np.random.default_rng(1).bytes(len(block))


def exchanged(content):
    """Two blocks in each other's place."""
    first, second = len(content) // 3, 2 * len(content) // 3
    one, other = content[first : first + BLOCK], content[second : second + BLOCK]
    content = content[:first] + other + content[first + BLOCK :]
    return content[:second] + one + content[second + BLOCK :]


def every_other_byte_swapped(content):
    return bytes(np.frombuffer(content[: len(content) // 2 * 2], ">u2").astype("<u2").tobytes())


DAMAGES = {
    "empty": lambda _: b"",
    "first byte lost": lambda content: content[1:],
    "first 4 bytes zeros": lambda content: bytes(4) + content[4:],
    "first 16 bytes noise": lambda content: noise(content[:16]) + content[16:],
    "10 bytes kept": lambda content: content[:10],
    "a tenth kept": part(0.1),
    "half kept": part(0.5),
    "9 of 10 parts kept": part(0.9),
    "last byte lost": lost(1),
    "last 2 bytes lost": lost(2),
    "last 64 bytes lost": lost(BLOCK),
    "last 64 bytes zeros": lambda content: content[:-BLOCK] + bytes(BLOCK),
    "zeros from half": overwritten(0.5, 1),
    "zeros from 9 of 10 parts": overwritten(0.9, 1),
    "0xFF from half": overwritten(0.5, 1, 0xFF),
    "zeros from 40 to 60 %": overwritten(0.4, 0.6),
    "64 zeros inside": inside(lambda block: bytes(len(block))),
    "64 bytes 0xFF inside": inside(lambda block: b"\xff" * len(block)),
    "64 bytes noise inside": inside(noise),
    "64 bytes inverted": inside(lambda block: bytes(255 - byte for byte in block)),
    "64 bytes lost inside": inside(lambda _: b""),
    "64 bytes repeated": inside(lambda block: block + block),
    "64 bytes from elsewhere added": inside(lambda block: noise(block) + block),
    "1 byte lost inside": inside(lambda _: b"", 1),
    "1 byte repeated": inside(lambda block: block + block, 1),
    "1 byte zero inside": inside(lambda _: b"\0", 1),
    "2 blocks exchanged": exchanged,
    "1 bit flipped, first tenth": lambda content: (
        flipped(1)(content[: len(content) // 10]) + content[len(content) // 10 :]
    ),
    "1 bit flipped, second half": flipped(1, 0.5),
    "10 bits flipped": flipped(10),
    "100 bits flipped": flipped(100),
    "half of it another file's": lambda content: content[: len(content) // 2] + content[::-1][len(content) // 2 :],
    "twice in a row": lambda content: content + content,
    "its end again": lambda content: content + content[-BLOCK:],
    "64 zeros behind": lambda content: content + bytes(BLOCK),
    "64 bytes noise behind": lambda content: content + noise(bytes(BLOCK)),
    "64 bytes noise before": lambda content: noise(bytes(BLOCK)) + content,
    "a byte order mark before": lambda content: b"\xef\xbb\xbf" + content,
    "LF to CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "CRLF to LF": lambda content: content.replace(b"\r\n", b"\n"),
    "CR to LF": lambda content: content.replace(b"\r", b"\n"),
    "tabs to blanks": lambda content: content.replace(b"\t", b"    "),
    "zeros left out": lambda content: content.replace(b"\0", b""),
    "ended at its first zero": lambda content: content.partition(b"\0")[0],
    "8th bit lost": lambda content: bytes(byte & 0x7F for byte in content),
    "Latin-1 to UTF-8": lambda content: content.decode("latin-1").encode(),
    "read as UTF-8 with replacement": lambda content: content.decode("utf-8", "replace").encode(),
    "read as UTF-8 without what is not": lambda content: content.decode("utf-8", "ignore").encode(),
    "UTF-16": lambda content: content.decode("latin-1").encode("utf-16"),
    "every two bytes swapped": every_other_byte_swapped,
    "backwards": lambda content: content[::-1],
    "as base64": base64.b64encode,
    "as hexadecimal": lambda content: content.hex().encode(),
    "in a gzip file": partial(gzip.compress, mtime=0),
    "in a multipart form": lambda content: b"--x\r\nContent-Type: image\r\n\r\n" + content + b"\r\n--x--\r\n",
    "a page that says 404": lambda _: b"<!DOCTYPE html><title>404 Not Found</title>",
    "a Git LFS pointer": lambda content: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize %d\n" % len(content)
    ),
    "JSON of an error": lambda _: b'{"error": "rate limit"}',
    "only zeros": lambda content: bytes(len(content)),
    "only noise": noise,
}


def of_image(kind, damage, decode, form, bad):
    """What a damage to an image file gives: a reason, the same pixels or others."""
    payload = encode(picture(1), kind)
    whole = np.array(decode(payload, None, form))
    damaged = damage(payload)
    try:
        return SAME if np.array_equal(decode(damaged, None, form), whole) else WRONG
    except bad as error:
        return error.reason


def content_of(source, decode, form, bad):
    """Class, split and pixels of each image that can be used, with how many there are of the same."""
    samples, found = source.samples(), Counter()
    columns = (samples[name].to_pylist() for name in ("class_id", "split"))
    for label, split, payload in zip(*columns, source.read(samples), strict=True):
        try:
            if isinstance(payload, bad):
                raise payload
            found[
                label is not None and source.classes[label], split, decode(payload, source.layout, form).tobytes()
            ] += 1
        except bad:
            pass
    return found


def of_dataset(place, whole, opened, decode, form, errors):
    """What is read of a dataset with a damaged file: refused, or images missing or wrong."""
    refused, bad = errors
    try:
        found = content_of(opened(str(place)), decode, form, bad)
    except (refused, OSError):
        return "refused"
    except Exception as error:  # noqa: BLE001 - what must not be; the test says so
        return f"**{type(error).__name__}**"
    wrong, missing = (found - whole).total(), (whole - found).total()
    if wrong:
        return f"**{wrong} wrong**"
    return f"{missing} missing" if missing else SAME


def largest(place):
    """The file of a dataset that holds most of its pixels; one image of many."""
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return max(files, key=lambda path: path.stat().st_size)


def image_rows(api):
    for name, damage in DAMAGES.items():
        yield name, [of_image(kind, damage, *api[:3]) for kind in OPTIONS]


def dataset_rows(api, folder, formats=FORMATS):
    decode, form, bad, refused, opened = api
    form, images, wholes = form.__class__(SIDE, SIDE, 3), make_images(4), {}
    for name, write in formats.items():
        place = write(folder / name, images)
        file = largest(place.parent if name in {"csv", "parquet-list"} else place)
        wholes[name] = place, file, file.read_bytes(), content_of(opened(str(place)), decode, form, bad)
    for name, damage in DAMAGES.items():
        cells = []
        for place, file, content, whole in wholes.values():
            file.unlink()  # HDF5 would take the same inode for the file that it may still have open
            file.write_bytes(damage(content))
            cells.append(of_dataset(place, whole, opened, decode, form, (refused, bad)))
            file.write_bytes(content)
        yield name, cells


def table(heads, rows):
    lines = [["damage", *heads], ["---"] * (len(heads) + 1), *([name, *cells] for name, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def counted(rows):
    """How many cells are of which kind."""
    every = [cell for _, cells in rows for cell in cells]
    wrong, same = sum("**" in cell for cell in every), every.count(SAME)
    aside = len(every) - wrong - same
    return (
        f"{aside} refused, set aside or missing, {same} read as if nothing had happened, {wrong} with something wrong"
    )


def replaced(page, name, text):
    """The page with another text between two marks."""
    between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
    return between.sub(lambda _: f"{text}\n", page)


def ours():
    from storage.errors import BadImageError, EigenwaveError  # noqa: PLC0415 - the tables are also made of other versions
    from storage.formats.open import open_source  # noqa: PLC0415
    from storage.pixels.images import ImageForm  # noqa: PLC0415
    from storage.pixels.payloads import decode  # noqa: PLC0415

    return decode, ImageForm(PICTURE_SIDE, PICTURE_SIDE, 3), BadImageError, EigenwaveError, open_source


def main():
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        for name, heads, rows in (
            ("images", OPTIONS, list(image_rows(ours()))),
            ("datasets", FORMATS, list(dataset_rows(ours(), Path(folder)))),
        ):
            page = replaced(page, name, f"{counted(rows).capitalize()}.\n\n{table(heads, rows)}")
    PAGE.write_text(page)


if __name__ == "__main__":
    sys.exit(main())
