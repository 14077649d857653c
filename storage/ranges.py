"""Samples that are ranges of bytes in larger files: neighbours are read together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from storage.errors import BadImageError
from storage.source_files import Files, unreadable

READ_BYTES = 4 * 2**20  # read together, unless a single sample is larger
GAP_BYTES = 2**16  # between samples, read and thrown away


@dataclass(frozen=True)
class _Run:
    """Ranges of a file that are read together."""

    file: str
    ranges: list[tuple[int, int]]

    @property
    def end(self) -> int:
        offset, length = self.ranges[-1]
        return offset + length


def read_ranges(
    files: Files, samples: pa.Table, file_of: Callable[[str], str], missing: str
) -> Iterator[bytes | BadImageError]:
    """The bytes of each sample, which lie at `offset`, `length` of them.

    Parameters
    ----------
    files
        Where the files are.
    samples
        Schema `storage.source.SAMPLES`.
    file_of
        The file of a sample, by its key.
    missing
        What is wrong with samples that have no offset.
    """
    places = zip(*(samples[name].to_pylist() for name in ("key", "offset", "length")), strict=True)
    run: _Run | None = None
    for key, offset, length in places:
        if offset is None:
            yield from _read(files, run)
            run = None
            yield BadImageError("unreadable", missing)
            continue
        file = file_of(key)
        if run and run.file == file and _near(run, offset, length):
            run.ranges.append((offset, length))
            continue
        yield from _read(files, run)
        run = _Run(file, [(offset, length)])
    yield from _read(files, run)


def _near(run: _Run, offset: int, length: int) -> bool:
    return run.end <= offset <= run.end + GAP_BYTES and offset + length - run.ranges[0][0] <= READ_BYTES


def _read(files: Files, run: _Run | None) -> Iterator[bytes | BadImageError]:
    if run is None:
        return
    start = run.ranges[0][0]
    try:
        block = files.read(run.file, start, run.end - start)
    except OSError as error:
        yield from [unreadable(error)] * len(run.ranges)
        return
    for offset, length in run.ranges:
        payload = block[offset - start : offset - start + length]
        yield (
            payload if len(payload) == length else BadImageError("truncated", f"{run.file} ends before the image does")
        )
