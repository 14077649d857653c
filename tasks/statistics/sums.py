"""Sums over shards: dataclasses of arrays, or of other sums, that are added field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix

from tasks.dtypes import Float64, Int64

T = TypeVar("T")

# Largest size in bytes of one kind of statistic. A larger one is made coarser or left out, by rules stated where it is
# computed, so memory is bounded for any number of classes.
BUDGET = 64 * 2**20


@dataclass(frozen=True)
class Sums:
    """A set of sums over images."""

    def __add__(self, other: Self) -> Self:
        """Add the sums over two sets of images."""
        return type(self)(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )


@dataclass(frozen=True)
class LabelSums(Sums):
    """Sums of values over the images of each class, under each of several labellings.

    Attributes
    ----------
    counts
        Number of images of each class (R, C).
    sums
        Sum of values of each class (R, C, k).
    """

    counts: Int64
    sums: Float64

    @classmethod
    def of(cls, values: Float64, labellings: Int64, classes: int) -> Self:
        """Sum over some images with values (n, k) and labellings (R, n)."""
        counts = np.empty((len(labellings), classes), np.int64)
        sums = np.empty((*counts.shape, values.shape[1]))
        for number, labels in enumerate(labellings):
            counts[number], sums[number] = grouped(values, labels, classes)
        return cls(counts, sums)


def grouped(values: Float64, labels: Int64, classes: int) -> tuple[Int64, Float64]:
    """Count (C,) and sum (C, k) the rows with each label."""
    n = len(labels)
    membership = csc_matrix((np.ones(n), labels, np.arange(n + 1)), shape=(classes, n))
    return np.bincount(labels, minlength=classes), membership @ values


def flattened(value: Any, prefix: str = "") -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401 - a dataclass
    """List all arrays and numbers of a dataclass and of the dataclasses in it, by dotted name."""
    result: dict[str, npt.NDArray[Any]] = {}
    for field in fields(value):
        entry, name = getattr(value, field.name), f"{prefix}{field.name}"
        result |= flattened(entry, f"{name}.") if is_dataclass(entry) else {name: np.asarray(entry)}
    return result


def unflattened(kind: type[T], arrays: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> T:
    """Rebuild a dataclass from the arrays of `flattened`."""
    content = {
        field.name: unflattened(field.type, arrays, f"{prefix}{field.name}.")
        if isinstance(field.type, type) and is_dataclass(field.type)
        else arrays[f"{prefix}{field.name}"]
        for field in fields(cast("Any", kind))
    }
    return kind(**content)
