"""Images with the bytes of another: in the same split, in another split, and under another label."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.runs.layout import read_layout
from storage.tables.digests import NONE as NO_DIGEST
from storage.tables.digests import from_column
from tasks.dtypes import Float64, Int64, Mask
from tasks.issues.found import CONFLICT, DUPLICATE, IMPORTANCE, LEAK, Found, most_severe
from tasks.issues.images import look_up
from tasks.run.job import Job
from tasks.statistics.copies import NONE, Copies, Labels, find_copies, judge_copies


class _All(NamedTuple):
    """All images of a run: class ids (n,), numbers of splits (n,), the names of these, and the images with copies."""

    class_ids: Int64
    splits: Int64
    names: Sequence[str]
    copies: Copies


def copies(job: Job) -> Iterator[Found]:
    """Yield conflicts, leaks and exact duplicates. Rejected images count among none of these.

    Of the images with the same bytes, the first in the fitted split is the one to keep, or else the first of all.
    """
    every = _read(job)
    positions, groups, firsts = every.copies
    labels = judge_copies(groups, every.class_ids[positions])
    yield _conflicts(job, every, labels)
    repeats = positions != firsts
    elsewhere = repeats & (every.splits[positions] != every.splits[firsts])
    yield _repeated(job, every, elsewhere, LEAK)
    same_label = every.class_ids[positions] == every.class_ids[firsts]
    yield _repeated(job, every, repeats & ~elsewhere & same_label, DUPLICATE)


def _read(job: Job) -> _All:
    digests, class_ids, splits, names = [], [], [], list[str]()
    for shard in range(job.plan.shards):
        part = job.part(shard, ["digest", "class_id", "split", "reason"])
        found = from_column(part["digest"])
        found[np.asarray(pc.is_valid(part["reason"]))] = np.frombuffer(NO_DIGEST, np.uint8)
        digests.append(found)
        class_ids.append(np.asarray(part["class_id"]).astype(np.int64))
        column = part["split"].combine_chunks()
        names += [name for name in column.dictionary.to_pylist() if name not in names]
        codes = np.array([names.index(name) for name in column.dictionary.to_pylist()], np.int64)
        splits.append(codes[np.asarray(column.indices)])
    every = np.concatenate(splits)
    fitted = every == names.index(job.fitted_split)
    return _All(np.concatenate(class_ids), every, names, find_copies(np.concatenate(digests), fitted))


def _repeated(job: Job, every: _All, chosen: Mask, kind: str) -> Found:
    """Images that repeat the one to keep."""
    positions, groups, firsts = every.copies
    sizes = np.bincount(groups)
    severity = np.full(int(chosen.sum()), IMPORTANCE[kind])
    kept = np.flatnonzero(chosen)[most_severe(severity, positions[chosen])]
    keys = look_up(job, firsts[kept])["key"].to_pylist()
    where = [every.names[number] for number in every.splits[firsts[kept]].tolist()]
    columns = {
        "row": positions[kept],
        "severity": severity[: len(kept)],
        "suggestion": [f"keep {key}" for key in keys],
        "other_key": keys,
        "evidence": [
            f"Its bytes are those of {key} in the split {split}; {size} images have them."
            for key, split, size in zip(keys, where, sizes[groups[kept]].tolist(), strict=True)
        ],
    }
    return Found.of(kind, int(chosen.sum()), columns)


def _conflicts(job: Job, every: _All, labels: Labels) -> Found:
    """Images of which a copy has another label."""
    positions, groups, _ = every.copies
    severity = _severity(labels, every.class_ids[positions])[labels.conflicting]
    order = most_severe(severity, positions[labels.conflicting])
    kept = np.flatnonzero(labels.conflicting)[order]
    classes = read_layout(job.paths).classes
    majority = labels.majority[kept]
    suggested = np.where(majority == every.class_ids[positions[kept]], NONE, majority)
    sentences = _sentences(every, classes, set(groups[kept].tolist()))
    columns = {
        "row": positions[kept],
        "severity": severity[order],
        "suggestion": [classes[number] if number >= 0 else None for number in suggested.tolist()],
        "suggested_class_id": pa.array(suggested, pa.int32(), mask=suggested < 0),
        "other_key": look_up(job, positions[labels.others[kept]])["key"].to_pylist(),
        "evidence": [sentences[group] for group in groups[kept].tolist()],
    }
    return Found.of(CONFLICT, int(labels.conflicting.sum()), columns)


def _severity(labels: Labels, class_ids: Int64) -> Float64:
    """1, since one label at least is wrong; for a label that most copies have, the share of the others."""
    return IMPORTANCE[CONFLICT] * np.where(labels.majority == class_ids, 1 - labels.share, 1.0)


def _sentences(every: _All, classes: Sequence[str], chosen: set[int]) -> dict[int, str]:
    """Sentence on the labels of each chosen group."""
    positions, groups, _ = every.copies
    mine = np.isin(groups, list(chosen)) & (every.class_ids[positions] >= 0)
    counts: dict[int, dict[str, int]] = {}
    for group, number in zip(groups[mine].tolist(), every.class_ids[positions[mine]].tolist(), strict=True):
        of_group = counts.setdefault(group, {})
        of_group[classes[number]] = of_group.get(classes[number], 0) + 1
    return {
        group: "Images with the same bytes are labelled "
        + " and ".join(f"{name} ({count})" for name, count in sorted(found.items()))
        + "."
        for group, found in counts.items()
    }
