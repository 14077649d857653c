"""Encode pictures as parts of a page, and reduce them until the page is small enough."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from tasks.dtypes import UInt8
from tasks.report.picture_files import data_uri, encoded_small
from tasks.report.pixels import reduced

SQUARES = 32  # largest side, in pixels, of pictures encoded without loss, which would blur their squares
CARD = 96  # side, in pixels, of pictures that are not shown larger
LEAST = 32
# Bytes that a page may use for a few pictures, and for each further one.
FEW_PICTURES, FEW_BYTES, MORE_BYTES = 74, 1_050_000, 3_000
FEW_PATTERNS, THUMBNAIL_BYTES, MORE_THUMBNAIL_BYTES = 64, 1_050_000, 12_000


def small_uri(pixels: UInt8, side: int = CARD) -> str:
    """Encode pixels (height, width, channels), reduced to `side`, as a data URI."""
    return data_uri(_encoded(pixels, side))


def fitting_uris(pictures: Sequence[UInt8]) -> list[str]:
    """Encode pictures as data URIs, in full size or as large as all of them together may be."""
    most = FEW_BYTES + MORE_BYTES * max(0, len(pictures) - FEW_PICTURES)
    side = max((max(picture.shape[:2]) for picture in pictures), default=LEAST)
    while True:
        encoded = [_encoded(picture, side) for picture in pictures]
        total = sum(map(len, encoded))
        if total <= most or side <= LEAST:
            return [data_uri(content) for content in encoded]
        side = max(LEAST, int(side * min(0.95, math.sqrt(most / total))))


def fitting_rows(
    exemplars: Iterable[Mapping[str, Sequence[int]]], sizes: Mapping[int, int], first: Iterable[int]
) -> list[int]:
    """Choose the rows of the images to show: those in `first`, then exemplars of all patterns by place, while they fit.

    Parameters
    ----------
    exemplars
        Rows of each pattern's exemplars, by side.
    sizes
        Size in bytes of each available thumbnail, by row.
    first
        Rows that are always shown.
    """
    patterns = [list(sides.values()) for sides in exemplars]
    left = THUMBNAIL_BYTES + MORE_THUMBNAIL_BYTES * max(0, len(patterns) - FEW_PATTERNS)
    shown = [row for row in dict.fromkeys(first) if row in sizes]
    left -= sum(sizes[row] for row in shown)
    for place in _places(patterns):
        new = set(place) & sizes.keys() - set(shown)
        left -= sum(sizes[row] for row in new)
        if left < 0:
            break
        shown += sorted(new)
    return shown


def _places(patterns: Sequence[Sequence[Sequence[int]]]) -> Iterator[list[int]]:
    """Yield all first exemplars of both sides of all patterns, then all second ones, and so on."""
    for place in range(max((len(side) for sides in patterns for side in sides), default=0)):
        yield [side[place] for sides in patterns for side in sides if place < len(side)]


def _encoded(pixels: UInt8, side: int) -> bytes:
    small = reduced(pixels.astype(np.float32), side)
    return encoded_small(np.rint(small).astype(np.uint8), SQUARES)
