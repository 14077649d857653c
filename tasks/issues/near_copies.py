"""Images that show the same as another, also mirrored, though their bytes differ: in any split, under any label."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.tables.parquet import as_today, read_table
from storage.tables.schemas import TABLES
from tasks.dtypes import Mask
from tasks.issues.found import IMPORTANCE, NEAR_CONFLICT, NEAR_DUPLICATE, NEAR_LEAK, Found, most_severe
from tasks.run.job import Job

DOUBT = 0.08  # less probability for each unit of relative distance: of pairs near the limit of 0.6, 5 % were wrong
SIDES = ("row", "key", "split", "class_id", "class_name")


def near_copies(job: Job) -> Iterator[Found]:
    """Yield near-duplicates with other labels, those in other splits, and those of one label and split.

    Of a pair, the image of the fitted split is the one to keep, or else the first. An image counts once, with the
    nearest of its pairs.
    """
    table = as_today(read_table(job.paths.table("near_duplicates")), TABLES["near_duplicates"])
    pairs = _kept_first(table.filter(pc.invert(table["exact"])), job.fitted_split)
    elsewhere = np.asarray(pc.not_equal(*_sides(pairs, "split")))
    labelled = pc.and_(*(pc.greater_equal(side, 0) for side in _sides(pairs, "class_id")))
    conflicting = np.asarray(pc.and_(labelled, pc.not_equal(*_sides(pairs, "class_id"))))
    yield _found(pairs, conflicting, NEAR_CONFLICT)
    yield _found(pairs, elsewhere, NEAR_LEAK)
    yield _found(pairs, ~elsewhere & ~conflicting, NEAR_DUPLICATE)


def _sides(pairs: pa.Table, name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    columns = [pairs[name], pairs[f"other_{name}"]]
    if name == "split":
        columns = [column.cast(pa.string()) for column in columns]
    return columns[0], columns[1]


def _kept_first(pairs: pa.Table, fitted_split: str) -> pa.Table:
    """Exchange the images of pairs of which only the second is of the fitted split."""
    fitted = [np.asarray(pc.equal(side, fitted_split)) for side in _sides(pairs, "split")]
    exchanged = pa.array(~fitted[0] & fitted[1])
    columns = {}
    for name in SIDES:
        first, second = (side.cast(pa.string()) if "class_name" in name else side for side in _sides(pairs, name))
        columns[name] = pc.if_else(exchanged, second, first)
        columns[f"other_{name}"] = pc.if_else(exchanged, first, second)
    return pa.table(columns | {"relative": pairs["relative_distance"], "mirrored": pairs["mirrored"]})


def _found(pairs: pa.Table, chosen: Mask, kind: str) -> Found:
    """Issues of the second images of the chosen pairs, which come nearest first."""
    numbers = np.flatnonzero(chosen)
    numbers = numbers[np.unique(np.asarray(pairs["other_row"])[numbers], return_index=True)[1]]
    severity = IMPORTANCE[kind] * (1 - DOUBT * np.asarray(pairs["relative"])[numbers])
    rows = np.asarray(pairs["other_row"])[numbers]
    order = most_severe(severity, rows)
    kept = pairs.take(pa.array(numbers[order])).to_pylist()
    columns = {
        "row": rows[order],
        "severity": severity[order],
        "suggestion": [None if kind == NEAR_CONFLICT else f"keep {pair['key']}" for pair in kept],
        "other_key": [pair["key"] for pair in kept],
        "evidence": [_sentence(pair) for pair in kept],
    }
    return Found.of(kind, len(numbers), columns)


def _sentence(pair: dict[str, object]) -> str:
    label = f", labelled {pair['class_name']}" if pair["class_name"] else ""
    same = "the mirror image of" if pair["mirrored"] else "the same as"
    return (
        f"It shows {same} {pair['key']} in the split {pair['split']}{label}: they are {pair['relative']:.2g} "
        "times as far apart as from other images."
    )
