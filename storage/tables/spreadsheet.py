"""Tables as CSV files that spreadsheets open: UTF-8 with a byte order mark, and no cell that is taken for a formula.

A text that begins with one of = + - @ ' or a control character gets one apostrophe in front. Reading takes it away.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, TextIO

from storage.errors import InputError

ENCODING = "utf-8-sig"  # Excel reads UTF-8 only after a byte order mark
GUARD = "'"
GUARDED = re.compile(r"[=+\-@'\x00-\x1f]")
DELIMITERS = ",;\t"  # spreadsheets of some countries write the others


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return GUARD + text if GUARDED.match(text) else text


def original(cell: str) -> str:
    """The text that `harmless` made a cell of."""
    return cell.removeprefix(GUARD)


def write_rows(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> None:
    """Write a header and rows. Texts are quoted and made harmless, and None is an empty cell."""
    text = io.TextIOWrapper(file, encoding=ENCODING, newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if cell is None else harmless(cell) if isinstance(cell, str) else cell for cell in row)
    text.flush()
    text.detach()


def read_rows(file: TextIO, required: Sequence[str], where: str) -> Iterator[Mapping[str, str]]:
    """Read the rows of a file that `write_rows` or a spreadsheet wrote, as texts by column.

    Parameters
    ----------
    file
        The file, opened with `ENCODING` and without translation of line ends.
    required
        Columns that must be there.
    where
        Name of the file for messages.

    Raises
    ------
    InputError
        If a column is missing, a row has another number of cells, or the file is not UTF-8.
    """
    try:
        yield from _rows(file, required, where)
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8; save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise InputError(f"{where} is not a CSV file: {error}.") from None


def _rows(file: TextIO, required: Sequence[str], where: str) -> Iterator[Mapping[str, str]]:
    begin = file.readline()
    file.seek(0)
    delimiter = max(DELIMITERS, key=begin.count)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    header = next(reader, [])
    for name in required:
        if name not in header:
            raise InputError(f"{where} has no column {name}; it needs the columns {', '.join(required)}.")
    for cells in reader:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"{where} has {len(cells)} cells in line {reader.line_num}, but {len(header)} columns.")
        yield dict(zip(header, map(original, cells), strict=True))
