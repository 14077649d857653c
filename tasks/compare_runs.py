"""Compare two finished runs, to tell whether the dataset drifted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays import chunk_path, read_chunk
from storage.errors import InputError
from storage.run import Run
from storage.store import StorePath
from storage.tables import COMPARISONS, write_table
from tasks.association import eta_squared
from tasks.drift import (
    Float64,
    bin_counts,
    decile_edges,
    eta_interval,
    interval_of_change,
    population_stability,
    principal_angles,
)
from tasks.order_rows import REMOVED

CHANGES = ("added", "removed", "changed", "relabelled")


@dataclass(frozen=True)
class Comparison:
    """What changed from one run to the other.

    Attributes
    ----------
    summary
        One number a kind of change, NaN if it cannot be told.
    tables
        Columns of each of `storage.tables.COMPARISONS`.
    new_classes, vanished_classes
        Their names.
    """

    summary: Mapping[str, float]
    tables: Mapping[str, Mapping[str, Any]]
    new_classes: tuple[str, ...]
    vanished_classes: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """Scores of a run's fitted images on some patterns: in each bin, and sums by class (C, k)."""

    counts: Any
    sizes: Any
    sums: Float64
    squares: Float64

    @property
    def eta_squared(self) -> Float64:
        """Part of the variance of each pattern that lies between classes (k,)."""
        return eta_squared(self.sizes, self.sums, self.squares.sum(axis=0))


def compare_runs(before: Run, after: Run) -> Comparison:
    """Compare a run with a later one.

    Raises
    ------
    InputError
        If their coefficients are not of the same kind.
    """
    _require_same_kind(before, after)
    patterns, mean = _read(before.patterns), _read(before.mean)
    edges = decile_edges(np.concatenate(list(_own_scores(before))))
    then, now = (_on_patterns(run, patterns, mean, edges) for run in (before, after))
    angles = principal_angles(patterns, _read(after.patterns))
    by_pattern = _by_pattern(then, now)
    images = _images(before, after)
    learnability = _learnability(before, after)
    classes = [set(run.manifest.classes) for run in (before, after)]
    new, vanished = sorted(classes[1] - classes[0]), sorted(classes[0] - classes[1])
    summary = learnability | {
        "largest_angle": float(angles.max()),
        "largest_psi": float(by_pattern["psi"].max()),
        "largest_eta_squared_drop": float(-by_pattern["eta_squared_change"].min()),
        "new_classes": len(new),
        "vanished_classes": len(vanished),
        **{f"{change}_images": images["change"].count(change) for change in CHANGES},
    }
    tables = {
        "compared_patterns": by_pattern | {"principal_angle": _padded(angles, len(patterns))},
        "compared_images": images,
        "compared_runs": {name: [value] for name, value in summary.items()},
    }
    return Comparison(summary, tables, tuple(new), tuple(vanished))


def write_comparison(folder: StorePath, comparison: Comparison, metadata: Mapping[str, Any]) -> None:
    """Write the tables of a comparison into a folder."""
    for name, columns in comparison.tables.items():
        write_table(folder / f"{name}.parquet", COMPARISONS[name], columns, metadata)


def _read(array: Any) -> Float64:  # noqa: ANN401 - a zarr array
    return np.asarray(array[:], np.float64)


def comparable(before: Run, after: Run) -> bool:
    """Whether the coefficients of two runs are of the same kind."""
    kinds = [
        (run.coefficients.attrs.asdict(), run.coefficients.shape[1], run.manifest.settings.get("centre"))
        for run in (before, after)
    ]
    return bool(kinds[0] == kinds[1])


def _require_same_kind(before: Run, after: Run) -> None:
    if not comparable(before, after):
        raise InputError(
            f"The runs {before.manifest.run_id} and {after.manifest.run_id} have other coefficients (wavelet, bands, "
            "size of the images or centring); compare runs with the same settings."
        )


def _labels(run: Run) -> Iterator[tuple[int, Any, Any]]:
    """Of each shard which rows are fitted on, and their classes."""
    samples = run.tables["samples"].select(["shard", "class_id", "split", "valid"])
    used = pc.and_(samples["valid"], pc.equal(samples["split"].cast(pa.string()), run.manifest.fitted_split))
    shards, classes = np.asarray(samples["shard"]), np.asarray(samples["class_id"])
    for shard in range(run.manifest.plan["shards"]):
        own = shards == shard
        yield shard, np.asarray(used)[own], classes[own]


def _own_scores(run: Run) -> Iterator[Float64]:
    rows = run.manifest.plan["rows_per_shard"]
    for shard, used, _ in _labels(run):
        yield np.asarray(run.scores[shard * rows : shard * rows + len(used)])[used].astype(np.float64)


def _on_patterns(run: Run, patterns: Float64, mean: Float64, edges: Float64) -> Fitted:
    classes, rank = len(run.manifest.classes), len(patterns)
    counts, sizes = np.zeros((len(edges) + 1, rank), np.int64), np.zeros(classes, np.int64)
    sums, squares = np.zeros((classes, rank)), np.zeros((classes, rank))
    shape = (run.manifest.plan["rows_per_shard"], patterns.shape[1])
    dtype = str(run.coefficients.dtype)
    for shard, used, labels in _labels(run):
        rows = read_chunk(chunk_path(run.paths.coefficients, shard), shape, dtype)[: len(used)][used]
        scores = rows.astype(np.float64) @ patterns.T - mean @ patterns.T
        counts += bin_counts(scores, edges)
        sizes += np.bincount(labels[used], minlength=classes)
        np.add.at(sums, labels[used], scores)
        np.add.at(squares, labels[used], scores**2)
    return Fitted(counts, sizes, sums, squares)


def _by_pattern(then: Fitted, now: Fitted) -> dict[str, Any]:
    pair = [(fitted.eta_squared, *eta_interval(fitted.eta_squared, int(fitted.sizes.sum()))) for fitted in (then, now)]
    low, high = interval_of_change(*pair)
    return {
        "pattern": np.arange(then.sums.shape[1], dtype=np.int32),
        "psi": population_stability(then.counts, now.counts),
        "eta_squared_before": pair[0][0],
        "eta_squared_after": pair[1][0],
        "eta_squared_change": pair[1][0] - pair[0][0],
        "change_low": low,
        "change_high": high,
    }


def _learnability(before: Run, after: Run) -> dict[str, float]:
    rows = [run.tables["learnability"].to_pylist()[0] for run in (before, after)]
    names = ("learnability", "ci_low", "ci_high")
    pair = [tuple(np.array(np.nan if row[name] is None else row[name]) for name in names) for row in rows]
    low, high = interval_of_change(pair[0], pair[1])  # type: ignore[arg-type]
    return {
        "learnability_drop": float(pair[0][0] - pair[1][0]),
        "learnability_drop_low": float(-high),
        "learnability_drop_high": float(-low),
    }


def _images(before: Run, after: Run) -> dict[str, list[Any]]:
    then, now = (_known(run) for run in (before, after))
    found = {key: _change(then.get(key), now.get(key)) for key in sorted(then.keys() | now.keys())}
    changes = {key: change for key, change in found.items() if change}
    return {"key": list(changes), "change": list(changes.values())}


def _known(run: Run) -> dict[str, tuple[str, str | None]]:
    """Class name and digest of each image that is in the dataset, by key."""
    table, names = run.tables["samples"].select(["key", "class_id", "digest"]), run.manifest.classes
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    return {key: (names[class_id], digest) for key, class_id, digest in rows if class_id != REMOVED}


def _change(then: tuple[str, str | None] | None, now: tuple[str, str | None] | None) -> str | None:
    if then is None or now is None:
        return "added" if then is None else "removed"
    if then[1] != now[1]:
        return "changed"
    return "relabelled" if then[0] != now[0] else None


def _padded(values: Float64, length: int) -> Float64:
    return np.concatenate([values, np.full(length - len(values), np.nan)])
