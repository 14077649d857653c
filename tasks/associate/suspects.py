"""The tables of suspects, images of which another class is likelier than that of their label, and of their classes."""

import numpy as np
import pyarrow as pa

from storage.tables.batches import read_batch
from tasks.associate.confusions import PAIR, by_class, confused, shown
from tasks.associate.image_tables import keys_and_classes
from tasks.associate.similar import similar_rows
from tasks.dtypes import Int64
from tasks.run.job import Job
from tasks.run.tables import ResultTables

KEPT = 100  # suspects of all classes
KEPT_OF_A_CLASS = 10
KEPT_OF_CLASSES = 1000  # suspects of single classes in all, or one of each class
COPIED = {"duplicates": "duplicate", "conflicts": "conflict", "leaked": "leaked"}  # columns of `classes`, and of COPIES
COLUMNS = ["label_suspicion", "likely_class_id", "suggested_probability", "label_logarithm"]


def tabulate_suspects(job: Job) -> None:
    """Write the tables `suspects`, `confusions` and `classes`."""
    classes = job.plan.classes
    judged, suspects = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    copied = np.zeros((len(COPIED), classes), np.int64)
    worst: pa.Table | None = None
    pairs: pa.Table | None = None
    for shard in range(job.plan.shards):
        found = _judged(job, shard)
        copied += _copied(job, shard)
        judged += np.bincount(found["class_id"], minlength=classes)
        found = found.filter(pa.compute.not_equal(found["class_id"], found["likely_class_id"]))
        suspects += np.bincount(found["class_id"], minlength=classes)
        worst = clearest(found if worst is None else pa.concat_tables([worst, found]), classes)
        pairs = confused(found, pairs)
    tables = ResultTables(job)
    if worst is not None and pairs is not None:
        _write(job, tables, worst, by_class(pairs), judged)
    with np.errstate(invalid="ignore"):
        share = suspects / judged
    columns = {"class_id": np.arange(classes), "judged": judged, "suspects": suspects, "suspect_share": share}
    tables.write("classes", columns | dict(zip(COPIED, copied, strict=True)))


def _copied(job: Job, shard: int) -> Int64:
    """Number of images of each class (3, C) that are copies, one row for each of `COPIED`."""
    copies, class_ids = read_batch(job.paths.work.copies, shard), np.asarray(job.part(shard, ["class_id"])["class_id"])
    masks = (np.asarray(copies[name]) & (class_ids >= 0) for name in COPIED.values())
    return np.stack([np.bincount(class_ids[mask], minlength=job.plan.classes) for mask in masks])


def _judged(job: Job, shard: int) -> pa.Table:
    """Read the judged images of a shard."""
    judgement = read_batch(job.paths.work.judgement(shard)).select(COLUMNS)
    part = job.part(shard, ["row", "class_id"])
    for name in part.column_names:
        judgement = judgement.append_column(name, part[name])
    return judgement.filter(judgement["label_suspicion"].is_valid()).combine_chunks()


def clearest(suspects: pa.Table, classes: int) -> pa.Table:
    """Choose the clearest suspects of all, and of each class, in this order."""
    logarithm, row = np.asarray(suspects["label_logarithm"]), np.asarray(suspects["row"])
    ordered = suspects.take(np.lexsort((row, logarithm)))
    within = places_within(np.asarray(ordered["class_id"]))
    of_a_class = max(1, min(KEPT_OF_A_CLASS, KEPT_OF_CLASSES // classes))
    return ordered.filter(pa.array((np.arange(len(within)) < KEPT) | (within < of_a_class)))


def places_within(class_ids: Int64) -> Int64:
    """Place of each of n images among those before it with the same class (n,)."""
    order = np.argsort(class_ids, kind="stable")
    counts = np.bincount(class_ids)
    result = np.empty(len(order), np.int64)
    result[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return result


def _write(job: Job, tables: ResultTables, worst: pa.Table, pairs: pa.Table, judged: Int64) -> None:
    """Write suspects and pairs of classes. One pass finds what the images of both resemble."""
    pictured = shown(pairs, job.plan.classes)
    clear = pairs.take(pictured)
    rows, suggested = (
        np.concatenate([np.asarray(table[name], np.int64) for table in (worst, clear)])
        for name in ("row", "likely_class_id")
    )
    similar = similar_rows(job, rows, suggested)
    known = keys_and_classes(job, {row for row in [*rows.tolist(), *similar.tolist()] if row >= 0})
    keys = pa.array([known[row][0] for row in rows.tolist()])
    alike = pa.array([None if row < 0 else row for row in similar.tolist()], pa.int64())
    alike_keys = pa.array([None if row < 0 else known[row][0] for row in similar.tolist()], pa.string())
    images = {"key": keys, "similar_row": alike, "similar_key": alike_keys}

    columns = {name: worst[name] for name in worst.column_names}
    columns |= {name: values[: len(worst)] for name, values in images.items()}
    columns |= {"place": np.arange(len(worst)), "place_in_class": places_within(np.asarray(worst["class_id"]))}
    tables.write("suspects", columns)

    images |= {"row": pa.array(rows)}
    places = np.full(len(pairs), -1)
    places[pictured] = len(worst) + np.arange(len(pictured))
    taken = pa.array(places, mask=places < 0)  # what is taken at null is null
    columns = {name: pairs[name] for name in (*PAIR, "images")}
    columns |= {name: values.take(taken) for name, values in images.items()}
    share = np.asarray(pairs["images"]) / judged[np.asarray(pairs["class_id"])]
    tables.write("confusions", columns | {"share": share})
