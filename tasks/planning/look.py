"""Decode the images of a dataset piece by piece, in processes if it is large, and count what they show."""

import math
import multiprocessing
import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from itertools import islice

import numpy as np
import pyarrow as pa

from storage.datasets.source import Source, intact
from storage.errors import BadImageError
from storage.formats.open import open_source
from storage.pixels.images import SUFFIXES, ImageForm
from storage.pixels.payloads import decode, is_gray, look
from storage.setting_groups import Access
from storage.settings import Settings
from storage.tables.digests import image_digest
from tasks.children import ENTRANCE, script_left_alone
from tasks.planning.seen import Place, Seen, together

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
    seen
        Counts over the images of each class and split that can be used.
    bad
        Key, reason and detail of each image that cannot be used.
    notes
        Number of harmless oddities of files, by kind.
    """

    digests: bytes = b""
    seen: defaultdict[Place, Seen] = field(default_factory=lambda: defaultdict(Seen))
    bad: list[tuple[str, str, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, piece: "Look") -> None:
        """Add what more images show, except for their digests."""
        for place, each in piece.seen.items():
            self.seen[place] += each
        self.bad += piece.bad
        self.notes += piece.notes

    @property
    def all(self) -> Seen:
        """Counts over all images that can be used."""
        return together(self.seen.values())


def look_at_all(place: tuple[str, str], samples: pa.Table, settings: Settings) -> Iterator[Look]:
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
    source, look_, value_range = _source(*place, settings.access), Look(), settings.coefficients.value_range
    digests = bytearray()
    rows = zip(samples["key"].to_pylist(), samples["class_id"].to_pylist(), samples["split"].to_pylist(), strict=True)
    for (key, class_id, split), payload in zip(rows, source.read(samples), strict=True):
        digests += image_digest(payload)
        try:
            _decode(source, key, intact(payload), look_, look_.seen[class_id, split], value_range=value_range)
        except BadImageError as error:
            look_.bad.append((key, error.reason, error.detail))
    look_.digests = bytes(digests)
    return look_


def _decode(  # noqa: PLR0913 - of one image
    source: Source, key: str, payload: bytes, looked: Look, seen: Seen, *, value_range: tuple[float, float] | None
) -> None:
    """Count what one image shows; its header counts even if its pixels are damaged, as in the plan of a run."""
    mode, (width, height) = look(payload, source.layout)
    ending = posixpath.splitext(key)[1].lower()
    seen.modes[mode] += 1
    seen.sizes[width, height] += 1
    seen.endings[ending if ending in SUFFIXES else ""] += 1
    form = ImageForm(height, width, 1 if is_gray(mode) else 3, "pad", value_range)
    pixels = decode(payload, source.layout, form, looked.notes)
    white = 1 if pixels.dtype.kind == "f" else 2 ** (8 * pixels.itemsize) - 1
    seen.images += 1
    seen.nbytes += len(payload)
    features = source.layout is not None and source.layout.features
    seen.brightness += math.nan if features else float(pixels.mean(dtype=np.float64)) / white


@lru_cache(maxsize=1)
def _source(address: str, format_name: str, access: Access) -> Source:
    return open_source(address, access, format_name)
