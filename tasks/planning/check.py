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

from storage.datasets.source import Source, intact
from storage.errors import BadImageError, EigenwaveError, InputError
from storage.formats.arrays import ArraySource
from storage.formats.open import address_of, open_source
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
    source, images, ignored
        Address of the dataset, number of images, and number of skipped files.
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
    problems
        Reasons why a run would fail; empty if it would not.
    """

    source: str
    images: int
    ignored: int
    classes: dict[str, dict[str, int]]
    looked: Look
    duplicates: Duplicates
    keys: pa.ChunkedArray
    class_ids: pa.ChunkedArray
    run: dict[str, Any] | None
    problems: list[str]


def check_source(source: str, settings: Settings) -> SourceCheck:
    """Decode every image of a dataset.

    Raises
    ------
    InputError
        If the dataset cannot be read at all.
    """
    address = address_of(source)
    opened = open_source(address, settings.access)
    samples = opened.samples()
    if not len(samples):
        raise InputError(f"{source} holds no images; {opened.ignored} files there have no ending of an image format.")
    looked = Look()
    if isinstance(opened, ArraySource):
        looked.notes += opened.notes
    digests = bytearray()
    for piece in _looks(address, samples, settings):
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
        problems.append(str(error))
    return SourceCheck(
        source=source,
        images=len(samples),
        ignored=opened.ignored,
        classes=_by_class(opened, samples),
        looked=looked,
        duplicates=duplicates,
        keys=samples["key"],
        class_ids=samples["class_id"],
        run=run,
        problems=problems,
    )


def _looks(address: str, samples: pa.Table, settings: Settings) -> Iterator[Look]:
    """Yield the findings on each piece of the dataset, in order."""
    pieces = (
        (address, samples.take(np.arange(start, min(start + AT_ONCE, len(samples)))), settings)
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


def look_at(address: str, samples: pa.Table, settings: Settings) -> Look:
    """Decode some images."""
    start = time.process_time()
    source, look_ = _source(address, settings.access), Look()
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
def _source(address: str, access: Access) -> Source:
    return open_source(address, access)


def _problems(images: int, looked: Look, duplicates: Duplicates, settings: Settings) -> list[str]:
    problems = []
    if len(looked.bad) > settings.dataset.max_bad_fraction * images:
        problems.append(
            f"{len(looked.bad)} of {images} images cannot be used, more than --max-bad-fraction "
            f"{settings.dataset.max_bad_fraction} allows."
        )
    if duplicates.images and settings.dataset.duplicates == "refuse":
        problems.append(f"{duplicates.images} images repeat others, which --duplicates refuse does not allow.")
    return problems


def _by_class(source: Source, samples: pa.Table) -> dict[str, dict[str, int]]:
    counted = samples.group_by(["split", "class_id"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[str, dict[str, int]] = {name: {} for name in source.classes}
    for row in counted:
        found[source.classes[row["class_id"]]][row["split"]] = row["count_all"]
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
