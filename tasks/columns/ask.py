"""Associate the patterns of a finished run with columns, each by its kind, and keep the tables beside the run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.formats.keyed_table import KeyedTable, read_keyed_table
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.tables.parquet import table_writer, to_table
from storage.tables.schemas import ASSOCIATIONS
from tasks.columns.categories import associate_categories
from tasks.columns.category_tables import Tables
from tasks.columns.images import RunImages
from tasks.columns.kinds import Kind
from tasks.columns.labels import associate_labels
from tasks.columns.numbers import associate_numbers
from tasks.columns.shortcuts import examine_column
from tasks.columns.values import PER_PIXEL, Column, column_names, find_column, find_columns
from tasks.dtypes import Mask

SUMMARY = "column_summary"  # written last: a folder without it is unfinished
EVERY = "properties"  # the word for all of these
PROPERTIES = (
    *("width", "height", "bytes", PER_PIXEL, "mode"),
    *("brightness", "contrast", "colourfulness", "sharpness"),
)
# What returns the columns of the tables of each kind of column.
KINDS: Mapping[Kind, Callable[[RunImages, Column], Tables]] = {
    "categorical": associate_categories,
    "number": associate_numbers,
    "date": associate_numbers,
    "labels": associate_labels,
}


class Association(NamedTuple):
    """What a run's patterns have to do with a column.

    Attributes
    ----------
    column
        Name of the column.
    tables
        Tables by name, as in `storage.tables.schemas.ASSOCIATIONS`.
    """

    column: str
    tables: Mapping[str, pa.Table]


def ask_run(workspace: Workspace, run: Run, names: Sequence[str], table: Path | None = None) -> list[Association]:
    """Associate the patterns of a run with columns, and keep the tables in the workspace.

    Parameters
    ----------
    workspace, run
        Where to keep them, and the run.
    names
        Names of columns; one may hold several, separated by commas. `properties` stands for those of `PROPERTIES`.
    table
        File of a table with a column `key`, where columns are looked for first.

    Raises
    ------
    InputError
        If there is no such column, or nothing can be said about it.
    """
    given = None if table is None else read_keyed_table(table)
    known = set(column_names(run, given))
    asked = [one.strip() for name in names for one in ([name] if name in known else name.split(","))]
    found = associate_columns(run, asked, given)
    keep_associations(workspace, run, found)
    return found


def associate_columns(run: Run, names: Sequence[str], table: KeyedTable | None = None) -> list[Association]:
    """Associate the patterns of a run with some of its columns, or with those of a table by key.

    Raises
    ------
    InputError
        If there is no such column, or nothing can be said about it. No column is computed then.
    EigenwaveError
        If files of the run are missing or damaged.
    """
    images = RunImages.of(run)
    columns = asked_columns(images, names, table)
    for column in columns:
        _require_kind(column)
    return [_associated(images, column) for column in columns]


def asked_columns(images: RunImages, names: Sequence[str], table: KeyedTable | None = None) -> list[Column]:
    """Find columns by their names, or by patterns such as finding_*.

    The word `properties` stands for the properties that differ between fitted images.

    Raises
    ------
    InputError
        If there is no such column, or no such property.
    """
    there, found = column_names(images.run, table), list[Column]()
    for name in names:
        if name == EVERY and EVERY not in there:
            found += _properties(images, set(there), table)
        elif "*" in name and name not in there:
            found += find_columns(images.run, name, table)
        else:
            found.append(find_column(images.run, name, table))
    return list({column.name: column for column in found}.values())


def _properties(images: RunImages, there: set[str], table: KeyedTable | None) -> list[Column]:
    if not images.run.pictured:
        raise InputError(
            f"The run {images.run.manifest.run_id} is on features (--transform none), which have no properties; ask "
            "about columns of the dataset, or of a --table."
        )
    found: dict[str, Column] = {}
    for name in PROPERTIES:
        if name == PER_PIXEL and not found.keys() & {"width", "height"}:
            continue  # it says what the bytes say
        with suppress(InputError):  # no image has it, as arrays have no bytes
            column = find_column(images.run, name, table) if name in there else None
            if column and pc.count_distinct(column.values.filter(pa.array(images.fitted))).as_py() > 1:
                found[name] = column
    if not found:
        raise InputError(f"The images of the run do not differ in any of {', '.join(PROPERTIES)}.")
    return list(found.values())


def _require_kind(column: Column) -> None:
    if column.kind not in KINDS:
        raise InputError(
            f"The column {column.name!r} ({column.source}) holds values of type {column.values.type}, which are not "
            "asked about; choose a column of text, truth values, numbers, dates, or lists of labels."
        )


def _associated(images: RunImages, column: Column) -> Association:
    found = KINDS[column.kind](images, column) | examine_column(images, column)
    found[SUMMARY] |= {
        "source": [column.source],
        "kind": [column.kind],
        "missing": [_missing(column, images.valid)],
        "unknown_keys": [column.unknown_keys],
    }
    run_id = images.run.manifest.run_id
    return Association(
        column.name, {name: _table(name, found.get(name, {}), run_id, column.name) for name in ASSOCIATIONS}
    )


def _missing(column: Column, valid: Mask) -> int:
    return int(np.asarray(column.values.is_null())[valid].sum())


def _table(name: str, columns: Mapping[str, Any], run_id: str, column: str) -> pa.Table:
    """Make a table; columns that a kind of column does not have are null."""
    rows = len(next(iter(columns.values()), ()))
    known = {"run_id": [run_id] * rows, "column": [column] * rows, **columns}
    schema = ASSOCIATIONS[name]
    return to_table(schema, {each.name: known.get(each.name, pa.nulls(rows)) for each in schema})


def keep_associations(workspace: Workspace, run: Run, found: Iterable[Association]) -> None:
    """Write the tables of each column into its folder, in place of those that are there."""
    run_id = run.manifest.run_id
    for association in found:
        folder = workspace.association(run_id, association.column)
        (folder / f"{SUMMARY}.parquet").unlink()
        for name in sorted(association.tables, key=lambda name: name == SUMMARY):
            table = association.tables[name]
            with table_writer(folder / f"{name}.parquet", ASSOCIATIONS[name], {"run_id": run_id}) as writer:
                writer.write(table)
