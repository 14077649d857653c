"""Write the dataset's own columns of each image into the table `columns`, beside the table `samples`."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.kept_columns import KeptColumns
from storage.stores.store import StorePath
from storage.tables.parquet import table_writer
from storage.tables.schemas import COLUMNS, REMOVED

MOST_BYTES = 2**16  # of a value; larger ones are data of their own, such as masks
GROUP_BYTES = 2**26  # of a row group in memory


def write_columns(path: StorePath, run_id: str, samples: pa.Table, columns: KeptColumns) -> dict[str, int]:
    """Write a row for each row of the run, in their order; it is null where the image was removed from the dataset.

    Values of more than `MOST_BYTES` bytes are null too.

    Parameters
    ----------
    path
        The table.
    run_id
        Id of the run.
    samples
        All rows of the run (schema `storage.datasets.source.SAMPLES`).
    columns
        Columns of the dataset.

    Returns
    -------
    dict
        Number of values that are too large, by the dataset's name of their column.
    """
    named = [*COLUMNS, *_named(columns.schema)]
    large: dict[str, int] = {}
    with table_writer(path, pa.schema(named), {"run_id": run_id}, group_bytes=GROUP_BYTES) as writer:
        for rows, piece in _whole(samples, columns):
            values = [_short(piece[name], name, large) for name in columns.schema.names]
            known = [rows, samples["key"].take(rows), pa.repeat(run_id, len(rows)).dictionary_encode()]
            arrays = [array.cast(field.type) for array, field in zip([*known, *values], named, strict=True)]
            writer.write(pa.Table.from_arrays(arrays, schema=pa.schema(named)))
    return large


def _named(schema: pa.Schema) -> Iterator[pa.Field]:
    """The dataset's columns; one with the name of another column of the table gets a line behind its name."""
    taken = {*COLUMNS.names, *schema.names}
    for field in schema:
        name = field.name
        if name in COLUMNS.names:
            while name in taken:
                name += "_"
            taken.add(name)
        yield field.with_name(name)


def _whole(samples: pa.Table, columns: KeptColumns) -> Iterator[tuple[pa.Array, pa.Table]]:
    """Rows of the run in pieces, with their columns; those of removed images are null."""
    there = np.flatnonzero(np.asarray(pc.not_equal(samples["class_id"], REMOVED)))
    begin, done = 0, 0
    for piece in columns.pieces(samples.take(there) if len(there) < len(samples) else samples):
        done += len(piece)
        end = len(samples) if done == len(there) else int(there[done])
        rows = np.arange(begin, end)
        places = np.searchsorted(there[done - len(piece) : done], rows)
        found = np.isin(rows, there[done - len(piece) : done])
        yield pa.array(rows), piece.take(pa.array(places, mask=~found))
        begin = end


def _short(values: pa.ChunkedArray, name: str, large: dict[str, int]) -> pa.ChunkedArray:
    """Values of a column without those that are too large, which are counted."""
    values = values.combine_chunks()
    rows = list(_too_large(values, 0, len(values)))
    if not rows:
        return values
    large[name] = large.get(name, 0) + len(rows)
    kept = np.ones(len(values), bool)
    kept[rows] = False
    return values.take(pa.array(np.arange(len(values)), mask=~kept))


def _too_large(values: pa.Array, start: int, stop: int) -> Iterator[int]:
    """Positions of values of more than `MOST_BYTES` bytes, found by halving."""
    if values.slice(start, stop - start).nbytes <= MOST_BYTES:
        return
    if stop - start == 1:
        yield start
    else:
        middle = (start + stop) // 2
        yield from _too_large(values, start, middle)
        yield from _too_large(values, middle, stop)
