"""Cut a column into few values to look for shortcuts: categories, or numbers and dates between quantiles."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.columns.values import Column, categories
from tasks.dtypes import Float64, Int64, Mask

QUANTILES = 5
FINE = 256  # quantiles at which numbers are cut to be ranked


class Cut(NamedTuple):
    """A column cut into values.

    Attributes
    ----------
    names
        The values (V,).
    codes
        Number of each row's value (N,); -1 without one.
    joined
        Number of rarer values that the last one stands for, 0 if none.
    fine
        The same as `codes` between more quantiles, in ascending order; None for categories.
    """

    names: list[str]
    codes: Int64
    joined: int
    fine: Int64 | None


def cut(column: Column, images: Mask, most: int) -> Cut:
    """Cut a column into at most so many values, by those of some images (N,).

    Of more categories, all but the most frequent are joined. Numbers and dates are cut at quintiles.
    """
    if column.kind == "categorical":
        return _joined(*categories(column), images, most)
    numbers, dates = _numbers(column.values), column.kind == "date"
    borders = _borders(numbers[images], min(QUANTILES, most))
    fine = _between(numbers, _borders(numbers[images], FINE))
    return Cut(_names(borders, dates=dates), _between(numbers, borders), 0, fine)


def _joined(names: list[str], codes: Int64, images: Mask, most: int) -> Cut:
    counts = np.bincount(codes[images & (codes >= 0)], minlength=len(names))
    there = int((counts > 0).sum())
    # Values that no image has come last, and are joined with the rare ones.
    order = np.argsort(-counts, kind="stable")[: there if there <= most else most - 1]
    kept = np.sort(order)
    number = np.full(len(names) + 1, -1 if there <= most else len(kept))
    number[kept], number[-1] = np.arange(len(kept)), -1
    rest = there - len(kept)
    return Cut([names[one] for one in kept] + [f"{rest:,} other values"] * (rest > 0), number[codes], rest, None)


def _numbers(values: pa.Array) -> Float64:
    """Numbers, or seconds of dates since 1970 (N,); NaN where there are none."""
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        seconds = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
        return np.asarray(pc.cast(seconds, pa.float64(), safe=False).to_numpy(zero_copy_only=False)) / 1e6
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _borders(numbers: Float64, parts: int) -> Float64:
    """Borders between at most so many parts of about as many numbers; equal numbers are never parted."""
    there = numbers[~np.isnan(numbers)]
    if not len(there):
        return np.empty(0)
    above = there[there > there.min()]
    if not len(above):
        return np.empty(0)
    quantiles = np.quantile(there, np.arange(1, parts) / parts, method="inverted_cdf")
    # Where most numbers are the smallest, all others are a part.
    borders: Float64 = np.unique(np.maximum(quantiles, above.min()))
    return borders


def _between(numbers: Float64, borders: Float64) -> Int64:
    return np.where(np.isnan(numbers), -1, np.searchsorted(borders, numbers, side="right"))


def _names(borders: Float64, *, dates: bool) -> list[str]:
    if not len(borders):
        return ["all"]
    shown = [f"{border:.4g}" for border in borders]
    if dates:
        shown = borders.astype("datetime64[s]").astype("datetime64[D]").astype(str).tolist()
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    return [f"below {shown[0]}", *between, f"from {shown[-1]}"]
