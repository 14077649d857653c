"""Compare two finished runs, to measure how the dataset drifted."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays.zarr import array_shape, chunk_path, read_array, read_chunk
from storage.errors import InputError
from storage.runs.layout import Layout, read_layout
from storage.runs.run import Run
from storage.runs.workspace import RunPaths
from storage.stores.open import open_path
from storage.stores.store import StorePath
from storage.tables.parquet import as_today, read_rows, read_table, write_table
from storage.tables.schemas import COMPARISONS
from tasks.compare.images import CHANGES, changed_images
from tasks.compare.issues import issue_changes
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.run.scores import read_scores
from tasks.run.worker import single_threaded
from tasks.statistics.association import eta_squared
from tasks.statistics.drift import (
    bin_counts,
    decile_edges,
    eta_interval,
    interval_of_change,
    population_stability,
    principal_angles,
)
from tasks.statistics.sums import Sums, grouped
from tasks.svd.products import centred, project

COPIES = ("leaked_fraction", "duplicate_fraction", "conflicts")  # columns of `duplication` that gates bound


@dataclass(frozen=True)
class Comparison:
    """The changes from one run to another.

    Attributes
    ----------
    summary
        One number for each kind of change, NaN if unknown.
    tables
        Columns of each table in `storage.tables.schemas.COMPARISONS`.
    new_classes, vanished_classes
        Names of the classes that only the second run has, and of those that only the first has.
    """

    summary: Mapping[str, float]
    tables: Mapping[str, Mapping[str, Any]]
    new_classes: tuple[str, ...]
    vanished_classes: tuple[str, ...]


@dataclass(frozen=True)
class Fitted(Sums):
    """Sums over the scores of fitted images on some patterns.

    Attributes
    ----------
    counts
        Number of images in each bin (b, k).
    sizes
        Number of images of each class (C,).
    sums
        Sum of scores of each class (C, k).
    squares
        Sum of squared scores (k,).
    """

    counts: Int64
    sizes: Int64
    sums: Float64
    squares: Float64

    @classmethod
    def of(cls, scores: Float32, labels: Int64, classes: int, edges: Float64) -> Self:
        """Sum over some images with scores (n, k) and labels (n,); the bins have the inner edges `edges` (b - 1, k)."""
        exact = scores.astype(np.float64)
        return cls(bin_counts(exact, edges), *grouped(exact, labels, classes), (exact**2).sum(axis=0))

    @property
    def eta_squared(self) -> Float64:
        """Part of the variance of each pattern that lies between classes (k,)."""
        return eta_squared(self.sizes, self.sums, self.squares)


# Adds up the results of a function over shards, in this process or on workers.
MapSum = Callable[[Callable[[int], Fitted], range], Fitted]


def in_order(function: Callable[[int], Fitted], shards: range) -> Fitted:
    """Add up in this process, one shard after the other."""
    total = function(shards[0])
    for shard in shards[1:]:
        total += function(shard)
    return total


def compare_runs(before: Run, after: Run, map_sum: MapSum = in_order) -> Comparison:
    """Compare a run with a later one.

    Parameters
    ----------
    before, after
        The runs; their manifests need not be written yet.
    map_sum
        Function that adds up over the shards of both runs.

    Raises
    ------
    InputError
        If the coefficients of the runs are of different kinds.
    """
    _require_same_kind(before, after)
    patterns, later = (read_array(run.paths.patterns).astype(np.float64) for run in (before, after))
    edges = decile_edges(partial(_own_scores, before.paths))
    then, now = (
        map_sum(partial(sums_of_shard, str(run.paths.folder), str(before.paths.folder), edges), _shards(run.paths))
        for run in (before, after)
    )
    angles = principal_angles(patterns, later)
    by_pattern = _by_pattern(then, now)
    images = changed_images(before, after)
    counts = Counter(images["change"].to_pylist())
    learnability = _learnability(before, after)
    new, vanished = _other_classes(before, after)
    summary = learnability | {
        "largest_angle": float(angles.max()),
        "largest_psi": float(by_pattern["psi"].max()),
        "largest_eta_squared_drop": float(-by_pattern["eta_squared_change"].min()),
        "new_classes": len(new),
        "vanished_classes": len(vanished),
        **{f"{change}_images": counts[change] for change in CHANGES},
        **issue_changes(before, after),
        **_copies(after),
    }
    tables = {
        "compared_patterns": by_pattern | {"principal_angle": _padded(angles, len(patterns))},
        "compared_images": {name: images[name] for name in images.column_names},
        "compared_classes": _by_class(before, after, then, now),
        "compared_runs": {name: [value] for name, value in summary.items()},
    }
    return Comparison(summary, tables, new, vanished)


def _copies(run: Run) -> dict[str, float]:
    """Return numbers of a run's copies, NaN if near-duplicates were not looked for."""
    row = run.tables["duplication"].to_pylist()[0] if "duplication" in run.tables else {}
    searched = row.get("near_pairs") is not None
    found = {name: row.get(name) if searched else None for name in COPIES}
    return {name: np.nan if value is None else value for name, value in found.items()}


def _other_classes(before: Run, after: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the new and of the vanished classes."""
    then, now = (set(run.manifest.classes) for run in (before, after))
    return tuple(sorted(now - then)), tuple(sorted(then - now))


def write_comparison(folder: StorePath, comparison: Comparison, metadata: Mapping[str, Any]) -> None:
    """Write the tables of a comparison into a folder."""
    for name, columns in comparison.tables.items():
        write_table(folder / f"{name}.parquet", COMPARISONS[name], columns, metadata)


def read_comparison(folder: StorePath, before: Run, after: Run) -> Comparison:
    """Read a comparison that `write_comparison` wrote."""
    tables = {
        name: as_today(read_table(folder / f"{name}.parquet"), schema).to_pydict()
        for name, schema in COMPARISONS.items()
    }
    summary = {name: np.nan if value is None else value for name, (value,) in tables["compared_runs"].items()}
    return Comparison(summary, tables, *_other_classes(before, after))


def _require_same_kind(before: Run, after: Run) -> None:
    kinds = [
        (run.coefficients.attrs.asdict(), run.coefficients.shape[1], run.manifest.settings.get("centre"))
        for run in (before, after)
    ]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"The runs {before.manifest.run_id} and {after.manifest.run_id} have different coefficients (wavelet, "
            "bands, size of the images or centering); compare runs with the same settings."
        )


def _shards(paths: RunPaths) -> range:
    return range(read_layout(paths).plan.shards)


def _own_scores(paths: RunPaths) -> Iterator[Float32]:
    layout = read_layout(paths)
    for shard in range(layout.plan.shards):
        used, _ = _labels(paths, layout, shard)
        yield _scores(paths, paths, layout, shard, used)


@single_threaded
def sums_of_shard(folder: str, reference_folder: str, edges: Float64, shard: int) -> Fitted:
    """Sum over the fitted images in a shard of the run in `folder`, scored on the patterns of a reference run."""
    paths, reference = (RunPaths(open_path(address)) for address in (folder, reference_folder))
    layout = read_layout(paths)
    used, labels = _labels(paths, layout, shard)
    return Fitted.of(_scores(paths, reference, layout, shard, used), labels[used], len(layout.classes), edges)


def _labels(paths: RunPaths, layout: Layout, shard: int) -> tuple[Mask, Int64]:
    """Return the mask of a shard's fitted rows, and the class ids of all its rows."""
    rows = layout.plan.rows_per_shard
    columns = ["class_id", "split", "valid"]
    samples = read_rows(paths.table("samples"), columns, range(shard * rows, (shard + 1) * rows))
    fitted = pc.equal(samples["split"].cast(pa.string()), layout.fitted_split)
    fitted = pc.and_(fitted, pc.greater_equal(samples["class_id"], 0))
    return np.asarray(pc.and_(samples["valid"], fitted)), np.asarray(samples["class_id"]).astype(np.int64)


def _scores(paths: RunPaths, reference: RunPaths, layout: Layout, shard: int, used: Mask) -> Float32:
    """Return scores (n, k) of the used rows of a shard on the patterns of a reference run.

    If the reference is the run itself, its stored scores are read. Others are computed in the same way, so that the
    same images and patterns have the same bits.
    """
    rows = layout.plan.rows_per_shard
    if str(paths.folder) == str(reference.folder):
        return read_scores(paths.scores, rows, shard)[: len(used)][used]
    shape, dtype = array_shape(paths.coefficients)
    chunk = read_chunk(chunk_path(paths.coefficients, shard), (rows, shape[1]), str(dtype))[: len(used)]
    basis = np.ascontiguousarray(read_array(reference.patterns).T)
    chunk, mean = centred(chunk, read_array(reference.mean))
    return project(chunk, basis, mean)[used]


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


def _by_class(before: Run, after: Run, then: Fitted, now: Fitted) -> dict[str, Any]:
    """Count the fitted images of each class in both runs; None where a run has no such class."""
    counts = [
        dict(zip(run.manifest.classes, fitted.sizes.tolist(), strict=True))
        for run, fitted in ((before, then), (after, now))
    ]
    names = sorted(counts[0].keys() | counts[1].keys())
    return {
        "class_name": names,
        "images_before": [counts[0].get(name) for name in names],
        "images_after": [counts[1].get(name) for name in names],
    }


def _learnability(before: Run, after: Run) -> dict[str, float]:
    rows = [run.tables["learnability"].to_pylist()[0] for run in (before, after)]
    # The expectation of adjusted learnability does not depend on the number of images, and the interval covers it.
    names = ("learnability_adjusted", "ci_low", "ci_high")
    pair = [tuple(np.array(np.nan if row[name] is None else row[name]) for name in names) for row in rows]
    low, high = interval_of_change(pair[0], pair[1])  # type: ignore[arg-type]
    return {
        "learnability_drop": float(pair[0][0] - pair[1][0]),
        "learnability_drop_low": float(-high),
        "learnability_drop_high": float(-low),
    }


def _padded(values: Float64, length: int) -> Float64:
    return np.concatenate([values, np.full(length - len(values), np.nan)])
