"""Write the result tables of a run, with the columns that follow from the run and its classes."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pyarrow as pa

from storage.runs.layout import read_layout
from storage.tables.parquet import TableWriter, table_writer, to_table
from storage.tables.schemas import TABLES
from tasks.run.job import Job
from tasks.run.state import read_totals


class ResultTables:
    """Writes the tables of a run, and adds the run's id to each row and the class's name to each class id.

    Both columns are dictionary-encoded: a row holds two small numbers, and each text is stored once per piece.

    Parameters
    ----------
    job
        The run.
    """

    def __init__(self, job: Job) -> None:
        self._paths = job.paths
        self._run_id = job.run_id
        self._names = pa.array(read_layout(job.paths).classes, pa.string())
        self._metadata = {"run_id": job.run_id, "dataset_digest": read_totals(job).dataset_digest}

    def write(self, name: str, columns: Mapping[str, Any]) -> None:
        """Write a whole table from its other columns, NumPy arrays or lists; NaN becomes null."""
        with self.writer(name) as writer:
            writer.write(self.complete(name, columns))

    def writer(self, name: str) -> AbstractContextManager[TableWriter]:
        """Open a writer that takes a table in pieces."""
        return table_writer(self._paths.table(name), TABLES[name], self._metadata)

    def complete(self, name: str, columns: Mapping[str, Any]) -> pa.Table:
        """Make a piece of a table from its other columns."""
        schema, found = TABLES[name], dict(columns)
        for column in schema.names:
            if column.endswith("class_name"):
                found[column] = self._named(columns[column.replace("_name", "_id")])
        rows = len(next(iter(columns.values())))
        found["run_id"] = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), pa.array([self._run_id]))
        return to_table(schema, found)

    def _named(self, class_ids: Any) -> pa.DictionaryArray:  # noqa: ANN401 - an array or a list
        """Map class ids to names; null where there is no class (null, or the id of a removed image)."""
        ids = class_ids.combine_chunks() if isinstance(class_ids, pa.ChunkedArray) else pa.array(class_ids, pa.int32())
        known = pa.compute.if_else(pa.compute.greater_equal(ids, 0), ids, None)
        return pa.DictionaryArray.from_arrays(known.cast(pa.int32()), self._names)
