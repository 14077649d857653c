"""Look at every image of a dataset as a run would, and say what is there and what is wrong; nothing is written."""

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
from storage.formats.open import address_of, open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode, is_gray, look
from storage.setting_groups import Access
from storage.settings import Settings
from storage.tables.digests import image_digest
from tasks.children import ENTRANCE, script_left_alone
from tasks.planning.outlook import plan_run
from tasks.statistics.duplicates import Duplicates, find_duplicates

AT_ONCE = 1000  # images that a process is given together
WORTH_PROCESSES = 20_000  # fewer images are looked at sooner than processes start
WAITING = 4  # pieces of work a process, so that none waits and little is held


@dataclass
class Look:
    """What some images show.

    Attributes
    ----------
    digests
        Of all images, one after the other, zeros for one that cannot be read.
    modes, sizes
        Images by mode, and by (width, height).
    bad
        Key, reason and detail of each that cannot be used.
    notes
        Harmless oddities of files, by kind.
    """

    digests: bytes = b""
    modes: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    bad: list[tuple[str, str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(frozen=True)
class SourceCheck:
    """What `check_source` found.

    Attributes
    ----------
    source, images, ignored
        Address, images, and files passed over.
    classes
        Images of each class in each split.
    looked
        At all images together.
    duplicates
        Images with the same bytes.
    keys, class_ids
        Of the samples in their order.
    run
        What a run would be, or why it would be refused.
    problems
        Why a run would fail; empty if it would not.
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
        # Bad images were counted here, all of them.
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
    """What each piece of the dataset shows, in order."""
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
    """Processes that do not outlive an error or Ctrl-C."""
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
    """A run as planned, and about how long a worker would take, decoding as now."""
    outlook = plan_run(source, settings)
    cost = next(cost for cost in outlook.costs if cost.solver == outlook.plan.solver)
    return {
        **asdict(outlook.plan),
        "fitted_split": outlook.fitted_split,
        "coefficient_bytes": outlook.plan.coefficient_bytes,
        "memory_bytes": max(outlook.memory.values()),
        "worker_seconds": round(2 * seconds + cost.seconds, 1),
    }
