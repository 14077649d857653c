"""The column of a run: a value for each row, from the dataset, from the images' properties, or from a table by key."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.columns import plain, shown
from storage.datasets.names import natural
from storage.errors import InputError
from storage.formats.keyed_table import KEY, KeyedTable
from storage.runs.run import Run
from storage.tables.parquet import read_table
from storage.tables.schemas import COLUMNS, TABLES
from tasks.columns.kinds import Kind, kind_of, plain_values
from tasks.dtypes import Int64

# Columns of the table `properties` that are not properties.
NAMES = {"row", "key", "split", "class_id", "class_name", "run_id"}
PER_PIXEL = "bytes_per_pixel"  # of the stored image: how far it is compressed
LISTED = 12  # names of columns in a message


@dataclass(frozen=True)
class Column:
    """A column of a run.

    Attributes
    ----------
    name, source, kind
        As in the table `column_summary`.
    values
        Value of each row of the run (N,), null where it is missing.
    unknown_keys
        Number of rows of a table by key that are about no image of the run.
    """

    name: str
    source: str
    kind: Kind
    values: pa.Array
    unknown_keys: int = 0


class Place(NamedTuple):
    """Where columns are: what to call it, and the names of its columns."""

    source: str
    names: list[str]


def find_column(run: Run, name: str, table: KeyedTable | None = None) -> Column:
    """Find a column by its name, in any case of letters: in the table by key if one is given, or else of the run.

    Raises
    ------
    InputError
        If there is no such column, or it has no values. The message lists the columns that there are.
    """
    places = list(_places(run, table))
    for same in (str.__eq__, lambda one, other: plain(one) == plain(other) != ""):
        for place in places:
            for there in place.names:
                if same(there, name):
                    return _read(run, there, place.source, table)
    raise _absent(name, column_names(run, table))


def find_columns(run: Run, pattern: str, table: KeyedTable | None = None) -> list[Column]:
    """Find the columns whose names match a pattern such as finding_*, in the first place that has any.

    Several columns that all say yes or no are one column of lists of labels: which of them are yes.

    Raises
    ------
    InputError
        If no column matches, or one has no values.
    """
    for place in _places(run, table):
        if names := [name for name in place.names if fnmatchcase(name, pattern)]:
            found = [_read(run, name, place.source, table) for name in names]
            return [_together(pattern, found)] if len(found) > 1 and all(map(_says_yes_or_no, found)) else found
    raise _absent(pattern, column_names(run, table))


def _absent(name: str, every: list[str]) -> InputError:
    nearest = sorted(every, key=lambda each: -SequenceMatcher(None, plain(each), plain(name)).ratio())
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return InputError(f"There is no column {name!r}; there are {shown(nearest[:LISTED])}{more}.")


def _says_yes_or_no(column: Column) -> bool:
    kind = column.values.type
    numbers = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return numbers and set(pc.unique(column.values).drop_null().to_pylist()) <= {0, 1}


def _together(name: str, columns: list[Column]) -> Column:
    """Make lists of the names of columns that are yes; an image without a value in one of them has no list."""
    missing = np.any([np.asarray(each.values.is_null()) for each in columns], axis=0)
    values = [np.asarray(pc.fill_null(each.values.cast(pa.int8()), 0)) for each in columns]
    yes = (np.stack(values, axis=1) == 1) & ~missing[:, None]
    labels = pa.array([each.name for each in columns]).take(pa.array(np.nonzero(yes)[1]))
    offsets = np.concatenate([[0], np.cumsum(yes.sum(axis=1))]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), labels, mask=pa.array(missing))
    return Column(name, columns[0].source, "labels", lists, columns[0].unknown_keys)


def column_names(run: Run, table: KeyedTable | None = None) -> list[str]:
    """List the names of all columns that `find_column` finds."""
    return [name for place in _places(run, table) for name in place.names]


def _places(run: Run, table: KeyedTable | None) -> Iterator[Place]:
    if table is not None:
        yield Place(f"table {table.path}", [name for name in table.content.column_names if name != KEY])
    if "columns" in run.tables:
        with run.paths.table("columns").open() as file:
            names = pa.parquet.read_schema(file).names
        yield Place("dataset", [name for name in names if name not in COLUMNS.names])
    if "properties" in run.tables:
        yield Place("property", [*(name for name in TABLES["properties"].names if name not in NAMES), PER_PIXEL])


def _read(run: Run, name: str, source: str, table: KeyedTable | None) -> Column:
    keys, unknown = read_table(run.paths.table("samples"), ["key"])["key"], 0
    if table is not None and source.startswith("table"):
        found, rows = table.content[name], table.rows(keys)
        unknown = int((rows < 0).sum())
    elif source == "property" and name == PER_PIXEL:
        read = read_table(run.paths.table("properties"), ["row", "bytes", "width", "height"])
        pixels = pc.multiply(read["width"].cast(pa.float64()), read["height"].cast(pa.float64()))
        found, rows = pc.divide(read["bytes"].cast(pa.float64()), pixels), np.asarray(read["row"])
    else:
        read = read_table(run.paths.table("columns" if source == "dataset" else "properties"), ["row", name])
        found, rows = read[name], np.asarray(read["row"])
    values = plain_values(found.take(_places_of(rows, len(keys))))
    if values.null_count == len(values):
        raise InputError(f"The column {name!r} ({source}) has no value for any image of the run.")
    return Column(name, source, kind_of(values), values, unknown)


def _places_of(rows: Int64, count: int) -> pa.Array:
    """Return the place of each of the run's rows (N,) among some rows (m,), null for those that are not among them."""
    result = np.full(count, -1)
    known = rows >= 0
    result[rows[known]] = np.flatnonzero(known)
    return pa.array(result, mask=result < 0)


def categories(column: Column) -> tuple[list[str], Int64]:
    """Return the different values as text, in their order, and the number of each row's value (N,); -1 without one."""
    different = pc.unique(column.values).drop_null().to_pylist()
    # In the order of classes of these names, so that they are shuffled alike.
    ordered = pa.array(
        sorted(different, key=natural if column.values.type == pa.string() else None), column.values.type
    )
    codes = pc.fill_null(pc.index_in(column.values, value_set=ordered, skip_nulls=True), -1)
    return ordered.cast(pa.string()).to_pylist(), np.asarray(codes).astype(np.int64)
