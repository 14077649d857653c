"""The table of issues as a spreadsheet, whose last column a person fills in."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from storage.tables.schemas import TABLES

ACTION = "action"
COLUMNS = [*TABLES["issues"].names, ACTION]


def cells(pieces: Iterable[pa.Table]) -> Iterator[list[str | float | None]]:
    """Yield the cells of each row of the table of issues, given in pieces; that of the action is empty."""
    for piece in pieces:
        for row in zip(*(column.to_pylist() for column in piece.columns), strict=True):
            yield [*row, None]
