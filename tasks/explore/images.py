"""The images of a run in memory, chosen and sorted by a query."""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.formats.places import Places
from storage.runs.run import Run
from storage.tables.parquet import read_table
from tasks.columns.kinds import plain_values
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.explore.query import Limit, Order, Query
from tasks.statistics.neighbours import PATTERNS, nearest, scales_of

MOST_IMAGES = 1_000_000  # which takes about 1 GB of memory
COLUMNS = ["row", "key", "split", "class_id", "class_name", "label_suspicion", "likely_class_name", "valid"]
NEIGHBOURS = 12
KEPT_COLUMNS = 8  # columns and patterns in memory at a time
OF_ALL_TABLES = {"row", "key", "run_id", "class_id", "class_name", "split"}


class Images:
    """The images of a run.

    Parameters
    ----------
    run
        The run.

    Raises
    ------
    InputError
        If it has more images than `MOST_IMAGES`.
    """

    def __init__(self, run: Run) -> None:
        images = run.manifest.plan["images"]
        if images > MOST_IMAGES:
            raise InputError(
                f"The run {run.paths.run_id} has {images:,} images; the explorer shows up to {MOST_IMAGES:,}. "
                "eigenwave issues and the tables list all."
            )
        self._run = run
        self._samples = read_table(run.paths.table("samples"), COLUMNS).combine_chunks()
        self.rows: Int64 = np.asarray(self._samples["row"])
        self._column = lru_cache(KEPT_COLUMNS)(self._read_column)
        self._scores = lru_cache(KEPT_COLUMNS)(self._read_scores)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What a query can choose from: classes, splits, kinds of issues, columns, and the number of patterns."""
        manifest = self._run.manifest
        return {
            "run": manifest.run_id,
            "source": manifest.source,
            "images": len(self.rows),
            "classes": list(manifest.classes),
            "splits": pc.unique(self._samples["split"].cast(pa.string())).to_pylist(),
            "kinds": list(self._issues),
            "columns": sorted(self._column_tables),
            "patterns": self._run.scores.shape[1],
        }

    def find(self, query: Query) -> Int64:
        """Positions (n,) of the images that a query chooses, in its order.

        Raises
        ------
        InputError
            If the run does not have the pattern or column, or the column cannot have such a limit.
        """
        chosen = np.flatnonzero(self._chosen(query))
        if query.order == Order.ROW:
            return chosen[::-1] if query.smallest else chosen
        values = self._values(query)[chosen]
        known = ~np.isnan(values)
        ranked = np.argsort(values[known] if query.smallest else -values[known], kind="stable")
        found: Int64 = np.concatenate([chosen[known][ranked], chosen[~known]])
        return found

    def describe(self, positions: Int64) -> list[dict[str, Any]]:
        """Row, key, split, class, likeliest class, suspicion and issues of some images, for the page."""
        found: list[dict[str, Any]] = self._samples.take(pa.array(positions)).drop_columns("class_id").to_pylist()
        for position, entry in zip(positions.tolist(), found, strict=True):
            entry["issues"] = [
                {"kind": kind, "evidence": issues["evidence"][place], "suggestion": issues["suggestion"][place]}
                for kind, issues in self._issues.items()
                if (place := issues["places"].get(position)) is not None
            ]
            entry["path"] = self._path(entry["key"])
        return found

    def neighbours(self, row: int) -> Int64:
        """Positions (n,) of the images nearest to one, by the distance that near-duplicates are found with.

        There are none of an image that could not be read, or that the run does not have.
        """
        rows, scores = self._comparable
        at = np.flatnonzero(self.rows[rows] == row)
        if not len(at):
            return np.empty(0, np.int64)
        found = nearest((rows[at], scores[at]), [(rows, scores)], NEIGHBOURS).rows[0]
        others: Int64 = found[found >= 0]
        return others

    def _chosen(self, query: Query) -> Mask:
        samples, chosen = self._samples, np.ones(len(self.rows), bool)
        if query.text:
            chosen &= np.asarray(pc.match_substring(samples["key"], query.text, ignore_case=True))
        for name, wanted in (("class_name", query.class_name), ("split", query.split)):
            if wanted is not None:
                chosen &= np.asarray(pc.fill_null(pc.equal(samples[name].cast(pa.string()), wanted), fill_value=False))
        if query.kind is not None:
            mine = np.zeros(len(self.rows), bool)
            mine[list(self._issues.get(query.kind, {"places": {}})["places"])] = True
            chosen &= mine
        if query.column is not None and query.value:
            chosen &= _matches(self._column(query.column), query.column, query.value)
        return chosen

    def _values(self, query: Query) -> Float64:
        if query.order == Order.PATTERN:
            return self._scores(query.pattern)
        if query.order == Order.SUSPICION:
            suspicion: Float64 = self._samples["label_suspicion"].to_numpy().astype(np.float64)
            return suspicion
        return self._severity

    @cached_property
    def _issues(self) -> dict[str, dict[str, Any]]:
        """Of each kind: where each image stands, by position, and evidence, suggestion and severity of each place."""
        if "issues" not in self._run.tables:
            return {}
        table = read_table(self._run.paths.table("issues"), ["row", "kind", "severity", "evidence", "suggestion"])
        kinds = table["kind"].cast(pa.string())
        issues = {}
        for kind in pc.unique(kinds).to_pylist():
            mine = table.filter(pc.equal(kinds, kind))
            positions = np.searchsorted(self.rows, np.asarray(mine["row"])).tolist()
            places = dict(zip(positions, range(len(positions)), strict=True))
            issues[kind] = {"places": places} | mine.select(["evidence", "suggestion", "severity"]).to_pydict()
        return issues

    @cached_property
    def _severity(self) -> Float64:
        """Largest severity of the issues of each image (n,); NaN of images without issues."""
        severity = np.full(len(self.rows), np.nan)
        for issues in self._issues.values():
            positions = np.fromiter(issues["places"], np.int64)
            found = np.array(issues["severity"])[list(issues["places"].values())]
            severity[positions] = np.fmax(severity[positions], found)
        return severity

    def _read_scores(self, pattern: int) -> Float64:
        """Scores (n,) on a pattern."""
        if pattern >= self.facts["patterns"]:
            raise InputError(f"The run has {self.facts['patterns']} patterns; the first is 0.")
        return np.asarray(self._run.scores[:, pattern], np.float64)[self.rows]

    @cached_property
    def _comparable(self) -> tuple[Int64, Float32]:
        """Positions and scaled scores of the valid images."""
        valid = np.flatnonzero(np.asarray(self._samples["valid"]))
        scores = np.asarray(self._run.judging_scores[:, :PATTERNS], np.float32)[self.rows[valid]]
        return valid, (scores * scales_of(scores.std(axis=0, dtype=np.float64))).astype(np.float32)

    @cached_property
    def _column_tables(self) -> dict[str, str]:
        """The table that has each column."""
        tables: dict[str, str] = {}
        for table in ("properties", "columns"):
            if table in self._run.tables:
                names = set(self._run.tables[table].column_names) - OF_ALL_TABLES
                tables |= dict.fromkeys(names, table)
        return tables

    def _read_column(self, name: str) -> pa.Array:
        """Values (n,) of a column; null for images that have none."""
        if name not in self._column_tables:
            raise InputError(f"The run has no column {name!r}; it has {', '.join(self.facts['columns']) or 'none'}.")
        table = read_table(self._run.paths.table(self._column_tables[name]), ["row", name]).combine_chunks()
        places = pc.index_in(pa.array(self.rows), table["row"].combine_chunks())
        return plain_values(table[name]).take(places)

    @cached_property
    def _places(self) -> Places | None:
        manifest = self._run.manifest
        try:
            return Places(manifest.source, manifest.source_format)
        except InputError:
            return None  # the dataset is gone

    def _path(self, key: str) -> str | None:
        return self._places.of(key) if self._places else None


def _matches(values: pa.Array, name: str, wanted: str) -> Mask:
    """Whether each value is the one wanted, or within the limit; of times, whether it begins like the one wanted."""
    limit, kind = Limit.parse(wanted), values.type
    timed = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    if limit:
        found = _within(values.cast(pa.timestamp("us", "UTC")) if timed else values, name, wanted, limit)
    elif timed:
        found = pc.starts_with(_as_text(values), wanted.replace("T", " "))
    else:
        found = pc.equal(pc.utf8_lower(_as_text(values)), wanted.lower())
    return np.asarray(pc.fill_null(found, fill_value=False))


def _within(values: pa.Array, name: str, wanted: str, limit: Limit) -> pa.Array:
    kind = values.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if isinstance(limit.limit, float) and number:
        return getattr(pc, limit.comparison)(values.cast(pa.float64()), limit.limit)
    if not isinstance(limit.limit, float) and pa.types.is_timestamp(kind):
        return getattr(pc, limit.comparison)(values, pa.scalar(limit.limit, kind))
    held = "numbers" if number else "dates" if pa.types.is_timestamp(kind) else "neither numbers nor dates"
    raise InputError(f"The column {name!r} holds {held}, so {wanted!r} is no limit for it.")


def _as_text(values: pa.Array) -> pa.Array:
    """Values as text; what cannot be text, such as a list, as Python writes it."""
    try:
        return values.cast(pa.string())
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
