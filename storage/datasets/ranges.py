"""Samples that are ranges of bytes in larger files: neighbours are read together."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.datasets.access import require_size
from storage.datasets.files import Files, unreadable
from storage.errors import BadImageError

GAP_BYTES = 2**16  # between samples, read and thrown away
NOWHERE = -(2**62)  # offset of a sample that has none: far from every other

Int64 = npt.NDArray[np.int64]


def read_ranges(
    files: Files, samples: pa.Table, file_of: Callable[[pa.ChunkedArray], pa.ChunkedArray], missing: str
) -> Iterator[bytes | BadImageError]:
    """The bytes of each sample, which lie at `offset`, `length` of them.

    Parameters
    ----------
    files
        Where the files are.
    samples
        Schema `storage.datasets.source.SAMPLES`.
    file_of
        The files of samples, by their keys.
    missing
        What is wrong with samples that have no offset.
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
                # Only one that is read alone can be so large.
                require_size(int(ends[start] - offsets[start]), files.access)
            except OSError as error:
                yield from [unreadable(error)] * (stop - start)
                continue
            yield from _read(files, names[numbers[start]], offsets[start:stop], ends[start:stop])


def _runs(numbers: npt.NDArray[np.int32], offsets: Int64, ends: Int64, most: int) -> Iterator[tuple[int, int]]:
    """Samples that are read together: neighbours in a file, of `most` bytes unless a single one has more."""
    gaps = offsets[1:] - ends[:-1]
    apart = (numbers[1:] != numbers[:-1]) | (gaps < 0) | (gaps > GAP_BYTES)
    for start, stop in pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(offsets)]):
        first = start
        while first < stop:
            count = int(np.searchsorted(ends[first:stop], offsets[first] + most, "right"))
            yield first, first + max(1, count)
            first += max(1, count)


def _read(files: Files, file: str, offsets: Int64, ends: Int64) -> Iterator[bytes | BadImageError]:
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
