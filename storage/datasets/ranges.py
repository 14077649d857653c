"""Read samples that are ranges of bytes in larger files; neighbors are read together."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.datasets.access import require_size
from storage.datasets.files import unreadable
from storage.errors import BadImageError
from storage.setting_groups import Access

GAP_BYTES = 2**16  # largest gap between samples that is read and discarded
NOWHERE = -(2**62)  # stands for a missing offset, far from all others

Int64 = npt.NDArray[np.int64]


class Readable(Protocol):
    """What is needed of `storage.datasets.files.Files` to read ranges of files."""

    read_together: int
    access: Access

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Content of a file, or a part of it; fewer bytes at the end of the file."""
        ...


def read_ranges(
    files: Readable, samples: pa.Table, file_of: Callable[[pa.ChunkedArray], pa.ChunkedArray], missing: str
) -> Iterator[bytes | BadImageError]:
    """Read the `length` bytes at `offset` of each sample.

    Parameters
    ----------
    files
        The files of the dataset.
    samples
        Schema `storage.datasets.source.SAMPLES`.
    file_of
        Gives the files of samples from their keys.
    missing
        Message for samples without an offset.
    """
    named = file_of(samples["key"]).combine_chunks().dictionary_encode()
    names, numbers = named.dictionary.to_pylist(), named.indices.to_numpy()
    offsets = samples["offset"].fill_null(NOWHERE).to_numpy()
    ends = offsets + samples["length"].fill_null(0).to_numpy()
    for start, stop in _runs(numbers, offsets, ends, files.read_together):
        if offsets[start] == NOWHERE:
            yield from [BadImageError("unreadable", missing)] * (stop - start)
        else:
            try:
                # Only a sample that is read alone can exceed the limit.
                require_size(int(ends[start] - offsets[start]), files.access)
            except OSError as error:
                yield from [unreadable(error)] * (stop - start)
                continue
            yield from _read(files, names[numbers[start]], offsets[start:stop], ends[start:stop])


def _runs(numbers: npt.NDArray[np.int32], offsets: Int64, ends: Int64, most: int) -> Iterator[tuple[int, int]]:
    """Groups of neighbors in a file to read together: up to `most` bytes, or one larger sample."""
    gaps = offsets[1:] - ends[:-1]
    apart = (numbers[1:] != numbers[:-1]) | (gaps < 0) | (gaps > GAP_BYTES)
    for start, stop in pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(offsets)]):
        first = start
        while first < stop:
            count = int(np.searchsorted(ends[first:stop], offsets[first] + most, "right"))
            yield first, first + max(1, count)
            first += max(1, count)


def _read(files: Readable, file: str, offsets: Int64, ends: Int64) -> Iterator[bytes | BadImageError]:
    start = int(offsets[0])
    try:
        block = files.read(file, start, int(ends[-1]) - start)
    except OSError as error:
        yield from [unreadable(error)] * len(offsets)
        return
    for first, last in zip((offsets - start).tolist(), (ends - start).tolist(), strict=True):
        yield (
            block[first:last]
            if last <= len(block)
            else BadImageError("truncated", f"{file} ends before the image does")
        )
