"""Rows of small text files that lie beside images: cells between tabs, commas, semicolons or blanks, or JSON."""

import csv
import json
import posixpath
from collections.abc import Callable, Iterable

from storage.pixels.images import SUFFIXES

DELIMITERS = ("\t", ",", ";")

Row = tuple[str, ...]


def rows_of(path: str, read: Callable[[str], bytes]) -> list[Row]:
    """The rows of a file, without empty ones; none if it is not UTF-8, or cannot be read."""
    try:
        text = read(path).decode("utf-8-sig")
        rows = _of_json(json.loads(text)) if path.lower().endswith(".json") else _of_text(text)
        return [row for row in rows if row and any(row)]
    except (OSError, ValueError, RecursionError, csv.Error):
        return []


def _of_text(text: str) -> Iterable[Row]:
    lines = text.splitlines()
    first = next(filter(None, map(str.strip, lines)), "")
    between = next((each for each in DELIMITERS if each in first), None)
    if between is None:
        return map(_words, lines)
    return (tuple(cell.strip() for cell in cells) for cells in csv.reader(lines, delimiter=between))


def _words(line: str) -> Row:
    """Words of a line, and behind them all but the first in one cell, which may be a name with blanks."""
    words = line.split()
    return (*words, line.split(None, 1)[1].strip()) if len(words) > 2 else tuple(words)  # noqa: PLR2004


def _of_json(content: object) -> Iterable[Row]:
    """Rows of an object such as {"1.jpg": "cat"}, or of a list of objects with the same entries."""
    if isinstance(content, dict):
        return [(str(name), str(label)) for name, label in content.items()]
    entries = content if isinstance(content, list) else []
    return [tuple(map(str, entry.values())) for entry in entries if isinstance(entry, dict)]


def stem(path: str) -> str:
    """Name of a file without its folder and without the ending of an image."""
    base = posixpath.basename(path)
    name, ending = posixpath.splitext(base)
    return name if ending.lower() in SUFFIXES else base
