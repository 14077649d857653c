"""Read a table that says something about images of a run, which it names by their keys."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.formats.list_tables import ENDINGS, read_list

KEY = "key"


class KeyedTable(NamedTuple):
    """A table with a row for each of some images.

    Attributes
    ----------
    path
        Its file.
    content
        Its columns, `key` among them.
    """

    path: Path
    content: pa.Table

    def rows(self, keys: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        """Return the place among the keys of a run of each row's image (m,); -1 if the run has no such image.

        Raises
        ------
        InputError
            If it names no image of the run, or one twice.
        """
        named = self.content[KEY].cast(pa.string())
        rows = np.asarray(pc.fill_null(pc.index_in(named, value_set=keys), -1)).astype(np.int64)
        used = rows[rows >= 0]
        if not len(used):
            first, given = keys[0].as_py(), named[0].as_py()
            raise InputError(f"{self.path} names no image of the run, such as {first!r}; its first is {given!r}.")
        twice = np.flatnonzero(np.bincount(used) > 1)
        if len(twice):
            raise InputError(
                f"{self.path} has more than one row of the image {keys[int(twice[0])].as_py()!r}; leave one."
            )
        return rows


def read_keyed_table(path: Path, needed: Iterable[str] = (), advice: str = "") -> KeyedTable:
    """Read a table (CSV, JSON lines, Parquet, Feather) with a column `key`.

    Parameters
    ----------
    path
        The file.
    needed
        Columns that it must have beside `key`.
    advice
        What these columns are, for the message if one is missing.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; pass the file of a table.")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} is none of {', '.join(ENDINGS)}; save the table as one of them.")
    with path.open("rb") as file:
        table = read_list(file, str(path), None)
    missing = [name for name in (KEY, *needed) if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]}. It must have a column key with the names of images, as in the table "
            f"samples{advice}."
        )
    return KeyedTable(path, table)
