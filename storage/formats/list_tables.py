"""Read the table in a file that lists images: delimited text, JSON lines, Parquet or Feather. Text stays as written."""

import codecs
import csv
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from storage.datasets.columns import require_once
from storage.errors import InputError
from storage.formats.json_columns import column_of, kind_of, type_of, whole
from storage.pixels.images import SUFFIXES

TEXT = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson")
ENDINGS = (*TEXT, *JSON_LINES, ".parquet", ".feather")
DELIMITERS = (",", "\t", ";", "|")
HEAD = 2**16  # bytes to read for the first line
# The marks of UTF-32 begin like those of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_list(file: BinaryIO, where: str, delimiter: str | None) -> pa.Table:
    """Read the table in a file. All columns of text files are strings, and null where they are empty.

    Parameters
    ----------
    file, where
        The file, and its name, whose ending says what it is.
    delimiter
        Between the columns of a text file; by default the one that its first line has most of.

    Raises
    ------
    InputError
        If it is damaged, has no rows, names a column twice, or is text in an unknown encoding.
    """
    try:
        table = _reader(where)(file, where, delimiter)
    except pa.ArrowException as error:
        raise InputError(f"The list {where} cannot be read: {str(error).splitlines()[0]}. Fix the file.") from None
    require_once(table.column_names, where)
    if not len(table):
        raise InputError(f"The list {where} has no rows; give one that names images.")
    return table


def _reader(where: str) -> Callable[[BinaryIO, str, str | None], pa.Table]:
    ending = where[where.rindex(".") :].lower()
    if ending in TEXT:
        return _text
    if ending in JSON_LINES:
        return _json_lines
    return _parquet if ending == ".parquet" else _feather


def _parquet(file: BinaryIO, where: str, delimiter: str | None) -> pa.Table:  # noqa: ARG001 - as the others
    return pq.read_table(file)


def _feather(file: BinaryIO, where: str, delimiter: str | None) -> pa.Table:  # noqa: ARG001 - as the others
    return pyarrow.feather.read_table(file, memory_map=False)


def _text(file: BinaryIO, where: str, delimiter: str | None) -> pa.Table:
    head = file.read(HEAD)
    encoding = _encoding(head)
    try:
        first = _first_line(head, encoding)
        between = _delimiter(delimiter or _most(first, where), where)
        cells = next(csv.reader([first], delimiter=between), [])
        headless = any(cell.lower().endswith(tuple(SUFFIXES)) for cell in cells)
        names = [f"f{number}" for number in range(len(cells))] if headless else cells
        file.seek(0)
        return pyarrow.csv.read_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(encoding=encoding, autogenerate_column_names=headless),
            parse_options=pyarrow.csv.ParseOptions(delimiter=between, newlines_in_values=True),
            # Only an empty cell is null, since NA may be a class. Columns are strings, since 001 is not 1.
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=[""], strings_can_be_null=True, column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except csv.Error as error:
        raise InputError(f"The first line of {where} is not a row of a table: {error}; correct it.") from None
    except (UnicodeError, pa.ArrowInvalid) as error:
        if isinstance(error, UnicodeError) or "UTF8" in str(error):
            raise _other_encoding(where) from None
        raise


def _encoding(head: bytes) -> str:
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")


def _first_line(head: bytes, encoding: str) -> str:
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    if "\0" in text:
        raise UnicodeError
    return re.split("[\r\n]", text.lstrip("\ufeff"), maxsplit=1)[0]  # Arrow ends lines at either


def _other_encoding(where: str) -> InputError:
    return InputError(
        f"The list {where} is not UTF-8. Its encoding may be Latin-1 or Windows-1252, which the file does not state; "
        "save it as UTF-8."
    )


def _delimiter(text: str, where: str) -> str:
    given = "\t" if text in {"tab", "\\t"} else text
    if len(given) != 1:
        raise InputError(f"--delimiter {text!r} is not possible for {where}: give one character, or tab.")
    return given


def _most(line: str, where: str) -> str:
    """The most frequent delimiter in a line; a blank in a .txt file without one."""
    most = max(DELIMITERS, key=line.count)
    if line.count(most):
        return most
    return " " if where.lower().endswith(".txt") and " " in line else ","


def _json_lines(file: BinaryIO, where: str, delimiter: str | None) -> pa.Table:  # noqa: ARG001 - as the others
    rows = []
    for number, line in enumerate(file, 1):
        try:
            row = json.loads(line.decode("utf-8-sig")) if line.strip() else None
        except UnicodeError:
            raise _other_encoding(where) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"Line {number} of {where} is not JSON: {error}.") from None
        if row is not None and not isinstance(row, dict):
            raise InputError(f'Line {number} of {where} is not a JSON object, such as {{"path": ..., "label": ...}}.')
        rows += [row] if row is not None else []
    # Arrow's own reader would convert dates to times, and lose their spelling.
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {whole(name): [row.get(name) for row in rows] for name in names}
    return pa.table({name: column_of(values, _type(values)) for name, values in columns.items()})


def _type(values: Sequence[Any]) -> pa.DataType:
    return type_of(kind_of(value) for value in values if value is not None)
