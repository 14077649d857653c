"""What adds up over shards: dataclasses of arrays, or of other sums, added field by field, within a budget."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix

from tasks.dtypes import Float64, Int64

T = TypeVar("T")

# Most bytes of one kind of statistic. What would be larger is made coarser, by rules stated where it is made, or left
# out: memory is bounded for any number of classes.
BUDGET = 64 * 2**20


@dataclass(frozen=True)
class Sums:
    """A set of sums over images."""

    def __add__(self, other: Self) -> Self:
        """Sums over both sets of images."""
        return type(self)(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )


@dataclass(frozen=True)
class LabelSums(Sums):
    """Sums of values over the images of each class, under each of several labellings.

    Attributes
    ----------
    counts
        Images of each class (R, C).
    sums
        Sum of values of each class (R, C, k).
    """

    counts: Int64
    sums: Float64

    @classmethod
    def of(cls, values: Float64, labellings: Int64, classes: int) -> Self:
        """Sums of some images: values (n, k), labellings (R, n)."""
        groups = [grouped(values, labels, classes) for labels in labellings]
        return cls(np.stack([counts for counts, _ in groups]), np.stack([sums for _, sums in groups]))


def grouped(values: Float64, labels: Int64, classes: int) -> tuple[Int64, Float64]:
    """Number of rows, and sum of rows, with each label: (C,) and (C, k)."""
    n = len(labels)
    membership = csc_matrix((np.ones(n), labels, np.arange(n + 1)), shape=(classes, n))
    return np.bincount(labels, minlength=classes), membership @ values


def flattened(value: Any, prefix: str = "") -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401 - a dataclass
    """All arrays and numbers of a dataclass, and of the dataclasses in it, by dotted name."""
    result: dict[str, npt.NDArray[Any]] = {}
    for field in fields(value):
        entry, name = getattr(value, field.name), f"{prefix}{field.name}"
        result |= flattened(entry, f"{name}.") if is_dataclass(entry) else {name: np.asarray(entry)}
    return result


def unflattened(kind: type[T], arrays: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> T:
    """The dataclass that `flattened` took apart."""
    content = {
        field.name: unflattened(field.type, arrays, f"{prefix}{field.name}.")
        if isinstance(field.type, type) and is_dataclass(field.type)
        else arrays[f"{prefix}{field.name}"]
        for field in fields(cast("Any", kind))
    }
    return kind(**content)
