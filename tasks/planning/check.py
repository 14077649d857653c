"""Decode every image of a dataset as a run would, and report its content and its problems. Nothing is written."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from storage.datasets.findings import Finding, Findings, counted
from storage.datasets.listing import Listing
from storage.datasets.source import Source, intact
from storage.errors import BadImageError, EigenwaveError
from storage.formats.arrays import ArraySource
from storage.formats.open import address_of, list_source, open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode, is_gray, look
from storage.setting_groups import Access
from storage.settings import Settings
from storage.tables.digests import image_digest
from tasks.children import ENTRANCE, script_left_alone
from tasks.planning.outlook import plan_run
from tasks.statistics.duplicates import Duplicates, find_duplicates

AT_ONCE = 1000  # images in a piece of work
WORTH_PROCESSES = 20_000  # images; fewer are decoded sooner than processes start
WAITING = 4  # pieces of work queued per process, so that none waits and little memory is held


@dataclass
class Look:
    """Findings on some images.

    Attributes
    ----------
    digests
        Digests of all images, concatenated; zeros for an image that cannot be read.
    modes, sizes
        Number of images by mode, and by (width, height) in pixels.
    bad
        Key, reason and detail of each image that cannot be used.
    notes
        Number of harmless oddities of files, by kind.
    seconds
        CPU time, in seconds.
    """

    digests: bytes = b""
    modes: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    bad: list[tuple[str, str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


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
    keys, class_ids
        Keys and class ids of the samples, in their order.
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
    samples = listing.samples
    looked = Look()
    if isinstance(found.source, ArraySource):
        looked.notes += found.source.notes
    digests = bytearray()
    for piece in _looks((address_of(source), found.format), samples, settings):
        digests += piece.digests
        looked.modes += piece.modes
        looked.sizes += piece.sizes
        looked.bad += piece.bad
        looked.notes += piece.notes
        looked.seconds += piece.seconds
    duplicates = find_duplicates(bytes(digests), np.asarray(samples["class_id"]))
    problems = _problems(len(samples), looked, duplicates, settings)
    run: dict[str, Any] | None = None
    try:
        # The bad images were already counted above.
        run = _estimate(source, settings.but(max_bad_fraction=1.0), looked.seconds)
    except EigenwaveError as error:
        problems.append(Finding("refused", str(error), len(samples)))
    return SourceCheck(
        source=source,
        images=len(samples),
        classes=_by_class(listing),
        looked=looked,
        duplicates=duplicates,
        keys=samples["key"],
        class_ids=samples["class_id"],
        run=run,
        findings=listing.findings + _decoding_notes(looked),
        problems=problems,
    )


def _looks(place: tuple[str, str], samples: pa.Table, settings: Settings) -> Iterator[Look]:
    """Yield the findings on each piece of the dataset, in order."""
    pieces = (
        (place, samples.take(np.arange(start, min(start + AT_ONCE, len(samples)))), settings)
        for start in range(0, len(samples), AT_ONCE)
    )
    processes = settings.execution.workers or os.cpu_count() or 1
    if len(samples) < WORTH_PROCESSES or processes == 1:
        yield from (look_at(*piece) for piece in pieces)
        return
    with _pool(processes) as pool:
        waiting = [pool.submit(look_at, *piece) for piece in islice(pieces, WAITING * processes)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(look_at, *piece) for piece in islice(pieces, 1)]


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Start a pool of processes that ends after an error or Ctrl-C too."""
    spawn = multiprocessing.get_context("spawn")
    with script_left_alone():
        pool = ProcessPoolExecutor(processes, spawn, initializer=import_module, initargs=(ENTRANCE,))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def look_at(place: tuple[str, str], samples: pa.Table, settings: Settings) -> Look:
    """Decode some images of the dataset at a place: its address, and the name of its format."""
    start = time.process_time()
    source, look_ = _source(*place, settings.access), Look()
    digests = bytearray()
    for key, payload in zip(samples["key"].to_pylist(), source.read(samples), strict=True):
        digests += image_digest(payload)
        try:
            _decode(source, intact(payload), look_, settings.coefficients.value_range)
        except BadImageError as error:
            look_.bad.append((key, error.reason, error.detail))
    look_.digests = bytes(digests)
    look_.seconds = time.process_time() - start
    return look_


def _decode(source: Source, payload: bytes, looked: Look, value_range: tuple[float, float] | None) -> None:
    mode, (width, height) = look(payload, source.layout)
    looked.modes[mode] += 1
    looked.sizes[width, height] += 1
    form = ImageForm(height, width, 1 if is_gray(mode) else 3, "pad", value_range)
    decode(payload, source.layout, form, looked.notes)


@lru_cache(maxsize=1)
def _source(address: str, format_name: str, access: Access) -> Source:
    return open_source(address, access, format_name)


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
        repeats = "repeats another" if duplicates.images == 1 else "repeat others"
        text = f"{counted(duplicates.images, 'image')} {repeats}, which --duplicates refuse does not allow."
        problems.append(Finding("repeated images", text, duplicates.images))
    return problems


def _by_class(listing: Listing) -> dict[str, dict[str, int]]:
    counts = listing.samples.group_by(["split", "class_id"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[str, dict[str, int]] = {name: {} for name in listing.classes}
    for row in counts:
        found[listing.classes[row["class_id"]]][row["split"]] = row["count_all"]
    return found


def _estimate(source: str, settings: Settings, seconds: float) -> dict[str, Any]:
    """Plan a run, and estimate the time of one worker from the `seconds` that decoding took."""
    outlook = plan_run(source, settings)
    cost = next(cost for cost in outlook.costs if cost.solver == outlook.plan.solver)
    return {
        **asdict(outlook.plan),
        "fitted_split": outlook.fitted_split,
        "coefficient_bytes": outlook.plan.coefficient_bytes,
        "memory_bytes": max(outlook.memory.values()),
        "worker_seconds": round(2 * seconds + cost.seconds, 1),
    }
