"""Store thumbnails of the images in the report, so that the report can be made again without the dataset."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from storage.datasets.source import Source, intact
from storage.errors import BadImageError
from storage.formats.open import open_source
from storage.formats.places import Places
from storage.pixels.layout import to_unit_range
from storage.pixels.payloads import decode
from storage.tables.parquet import read_table
from tasks.report.mixed_up import mixed_up
from tasks.report.pairs import COMPARED, SIDES, pairs_by_kind
from tasks.report.picture_files import encoded_small
from tasks.report.pixels import natural, reduced
from tasks.report.quality_words import quality_entries
from tasks.run.job import Job
from tasks.run.state import load_labels
from tasks.run.tables import ResultTables
from tasks.statistics.scatter import HELD_OUT

SIDE = 64  # largest side, in pixels
EXAMPLES = 6
SUSPECTS = 100
MANY_PATTERNS = 64
COLUMNS = ("row", "key", "class_id", "example", "image", "path")
EXEMPLARS_OF_MANY = 4  # on each side of a pattern if there are many


def keep_thumbnails(job: Job) -> None:
    """Write the table `thumbnails`: exemplars, suspects and what they resemble, bad images, copies, examples.

    It has no rows if the user wants no pictures of single images, or if there are only features.
    """
    wanted = job.settings.report.thumbnails and job.space.pictured
    examples = set(_examples(job)) if wanted else set[int]()
    rows = np.array(sorted({*examples, *_listed(job)}) if wanted else [], np.int64)
    source = open_source(job.source, job.settings.access, job.format)
    places = Places(job.source, job.format, job.settings.access)
    kept: list[dict[str, Any]] = []
    for shard in np.unique(rows // job.plan.rows_per_shard).tolist():
        mine = job.plan.rows(shard)
        positions = rows[(rows >= mine.start) & (rows < mine.stop)] - mine.start
        samples = job.listed(shard).take(positions)
        described = samples.select(["row", "key", "class_id", "length"]).to_pylist()
        for sample, image in zip(described, _small(job, source, samples), strict=True):
            if image is not None:
                path = places.of(sample["key"], sample["length"])
                kept.append({**sample, "example": sample["row"] in examples, "image": image, "path": path})
    columns = {name: [entry[name] for entry in kept] for name in COLUMNS}
    ResultTables(job).write("thumbnails", columns)


def _listed(job: Job) -> Iterator[int]:
    """Yield the rows of exemplars, suspects, bad images and copies; with many patterns, of fewer exemplars of each."""
    exemplars = read_table(job.paths.table("exemplars"), ["pattern", "place", "row"])
    if len(pc.unique(exemplars["pattern"])) > MANY_PATTERNS:
        exemplars = exemplars.filter(pc.less(exemplars["place"], EXEMPLARS_OF_MANY))
    yield from exemplars["row"].to_pylist()
    for suspect in in_turn(read_table(job.paths.table("suspects")).to_pylist()):
        yield suspect["row"]
        if suspect["similar_row"] is not None:
            yield suspect["similar_row"]
    for others in mixed_up(read_table(job.paths.table("confusions"))).values():
        yield from (row for other in others for row in other.rows)
    quality, counted = (read_table(job.paths.table(name)).to_pylist() for name in ("quality", "quality_classes"))
    yield from (row["row"] for entry in quality_entries(quality, counted) for row in entry.worst)
    for pairs in pairs_by_kind(read_table(job.paths.table("near_duplicates"), COMPARED)).values():
        yield from (pair[side] for pair in pairs for side in SIDES)


def in_turn(suspects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose the suspects that the report shows: the clearest of each class, then the second clearest, and so on.

    So a class with many suspects, which may be hard or rare, does not crowd out the others. Runs of earlier versions
    have no places within classes, and show their suspects in order.
    """
    return sorted(suspects, key=lambda row: (row.get("place_in_class") or 0, row["place"]))[:SUSPECTS]


def _examples(job: Job) -> Iterator[int]:
    """Yield the row of the first held-out image of each of some classes."""
    classes: set[int] = set()
    for shard in range(job.plan.shards):
        labels = load_labels(job, shard)
        rows = np.flatnonzero(labels.valid)[labels.part == HELD_OUT]
        held_out, first = np.unique(labels.classes[labels.part == HELD_OUT], return_index=True)
        for class_id, position in zip(held_out.tolist(), first.tolist(), strict=True):
            if class_id not in classes:
                classes.add(class_id)
                yield job.plan.rows(shard).start + int(rows[position])
            if len(classes) == EXAMPLES:
                return


def _small(job: Job, source: Source, samples: Any) -> Iterator[bytes | None]:  # noqa: ANN401 - an Arrow table
    """Yield each image, reduced and encoded; None if it can no longer be read."""
    for payload in source.read(samples):
        try:
            image = to_unit_range(decode(intact(payload), source.layout, job.form))
        except BadImageError:
            yield None
        else:
            yield encoded_small(natural(reduced(image, SIDE)))
