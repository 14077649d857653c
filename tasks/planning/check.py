"""Decode every image of a dataset as a run would, and report its content and its problems. Nothing is written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from storage.datasets.findings import Finding, Findings, counted
from storage.datasets.listing import Listing
from storage.datasets.source import Probe
from storage.errors import EigenwaveError
from storage.formats.open import address_of, list_source
from storage.pixels.payloads import is_gray
from storage.settings import Settings
from tasks.planning.groups import Groups, group_findings
from tasks.planning.look import Look, look_at_all
from tasks.planning.outlook import Outlook, has_no_repeated_class, plan_listed
from tasks.planning.warn import differences, repeats, single_images
from tasks.statistics.duplicates import Duplicates, find_duplicates


@dataclass(frozen=True)
class SourceCheck:
    """The result of `check_source`.

    Attributes
    ----------
    source, images
        Address of the dataset, and number of images that a run would use.
    classes
        Number of images of each class in each split.
    looked
        Findings on all images together.
    duplicates
        Images with the same bytes.
    keys, class_ids, splits
        Keys, class ids and splits of the samples, in their order.
    run
        Plan and cost of a run, or None if it would be refused.
    findings
        What was noticed in the dataset, and what is not read.
    problems
        Reasons why a run would fail; empty if it would not.
    """

    source: str
    images: int
    classes: dict[str, dict[str, int]]
    looked: Look
    duplicates: Duplicates
    keys: pa.ChunkedArray
    class_ids: pa.ChunkedArray
    splits: pa.ChunkedArray
    run: dict[str, Any] | None
    findings: Findings
    problems: list[Finding]


def check_source(source: str, settings: Settings) -> SourceCheck:
    """Decode every image of a dataset.

    Raises
    ------
    InputError
        If the dataset cannot be read at all.
    """
    found, listing = list_source(source, settings)
    samples, looked, digests = listing.samples, Look(), bytearray()
    for piece in look_at_all((address_of(source), found.format), samples, settings):
        digests += piece.digests
        looked.add(piece)
    duplicates = find_duplicates(bytes(digests), np.asarray(samples["class_id"]))
    problems = _problems(len(samples), looked, duplicates, settings)
    run: dict[str, Any] | None = None
    try:
        planned = _estimate(plan_listed(source, settings, found.format, listing, _probe(looked)))
        run = None if has_no_repeated_class(listing) else planned
    except EigenwaveError as error:
        problems.append(Finding("refused", str(error), len(samples)))
    classes = _by_class(listing)
    groups = Groups(source, listing.columns, settings.reading.group).of(samples) if run else None
    grouped = Findings(notes=list(group_findings(groups, samples, listing.fitted_split)))
    return SourceCheck(
        source=source,
        images=len(samples),
        classes=classes,
        looked=looked,
        duplicates=duplicates,
        keys=samples["key"],
        class_ids=samples["class_id"],
        splits=samples["split"].cast(pa.string()),
        run=run,
        findings=listing.findings + grouped + _decoding_notes(looked) + _warnings(listing, classes, looked, duplicates),
        problems=problems,
    )


def _probe(looked: Look) -> Probe:
    """What a run finds in the headers of all images; too many bad ones are a problem of their own."""
    every = looked.all
    return Probe(every.sizes, 1 if all(map(is_gray, every.modes)) else 3, ())


def _warnings(
    listing: Listing, classes: Mapping[str, Mapping[str, int]], looked: Look, duplicates: Duplicates
) -> Findings:
    samples = listing.samples
    columns = samples["key"], samples["class_id"], samples["split"].cast(pa.string())
    keys, ids, splits = (column.to_pylist() if duplicates.groups else [] for column in columns)
    return Findings(
        warnings=[
            *repeats(duplicates, keys, ids, splits, listing.fitted_split),
            *single_images(classes, listing.fitted_split),
            *differences(looked.seen, listing.classes),
        ]
    )


def _decoding_notes(looked: Look) -> Findings:
    return Findings(notes=[Finding("decoded images", text, count) for text, count in looked.notes.most_common()])


def _problems(images: int, looked: Look, duplicates: Duplicates, settings: Settings) -> list[Finding]:
    problems = []
    if len(looked.bad) > settings.dataset.max_bad_fraction * images:
        text = (
            f"{len(looked.bad)} of {images} images cannot be used, more than --max-bad-fraction "
            f"{settings.dataset.max_bad_fraction} allows."
        )
        problems.append(Finding("bad images", text, len(looked.bad)))
    if duplicates.images and settings.dataset.duplicates == "refuse":
        repeats = counted(duplicates.images, "image", "repeats another", "repeat others")
        text = f"{repeats}, which --duplicates refuse does not allow."
        problems.append(Finding("repeated images", text, duplicates.images))
    return problems


def _by_class(listing: Listing) -> dict[str, dict[str, int]]:
    counts = listing.samples.group_by(["split", "class_id"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[str, dict[str, int]] = {name: {} for name in listing.classes}
    for row in (row for row in counts if row["class_id"] >= 0):
        found[listing.classes[row["class_id"]]][row["split"]] = row["count_all"]
    return found


def _estimate(outlook: Outlook) -> dict[str, Any]:
    """Describe a run, with its estimated memory and time."""
    return {
        **asdict(outlook.plan),
        "fitted_split": outlook.fitted_split,
        "coefficient_bytes": outlook.plan.coefficient_bytes,
        "memory_bytes": max(outlook.memory.values()),
        "seconds": sum(outlook.seconds.values()),
    }
