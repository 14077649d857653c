"""From labels as people store them, numbers or names, to class ids."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.names import natural
from storage.errors import InputError

Naming = Callable[[int], str]
MOST = 2.0**53  # up to here float64 has every whole number


def class_ids(
    labels: pa.ChunkedArray, names: Sequence[str] | None, where: Naming
) -> tuple[tuple[str, ...], pa.ChunkedArray]:
    """Class names, and the class id (int32) of each label.

    Parameters
    ----------
    labels
        Whole numbers, strings or booleans (n,).
    names
        Class names, if the dataset has them: numbers count in them from 0. Otherwise classes are the different labels,
        sorted.
    where
        How to name the sample with this position to a user.

    Raises
    ------
    InputError
        If a label is missing, not a whole number, or not among the names.
    """
    labels = _whole(labels, where)
    kind = labels.type
    if pa.types.is_boolean(kind):
        labels = pc.cast(labels, pa.string())
    if names is not None and pa.types.is_integer(kind):
        _require(pc.and_(pc.greater_equal(labels, 0), pc.less(labels, len(names))), labels, where, _range(names))
        return tuple(names), labels.cast(pa.int32())
    known = pa.array(names, pa.string()) if names is not None else _in_order(pc.unique(labels))
    labels = labels.cast(known.type)
    if names is not None:
        _require(pc.is_in(labels, known), labels, where, _range(names))
    return tuple(str(name) for name in known.to_pylist()), pc.index_in(labels, known).cast(pa.int32())


def _in_order(labels: pa.Array) -> pa.Array:
    """Different labels sorted, numbers in names as numbers."""
    if pa.types.is_string(labels.type):
        return pa.array(sorted(labels.to_pylist(), key=natural), pa.string())
    return labels.sort()


def _whole(labels: pa.ChunkedArray, where: Naming) -> pa.ChunkedArray:
    """Labels as integers, strings or booleans."""
    kind = labels.type
    if pa.types.is_dictionary(kind):
        labels = labels.cast(kind.value_type)
        kind = labels.type
    missing = pc.is_null(labels, nan_is_null=True)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        missing = pc.or_(missing, pc.equal(pc.utf8_trim_whitespace(labels.fill_null("")), ""))
    count = pc.sum(missing).as_py() or 0
    if count:
        first = where(pc.index(missing, value=True).as_py())
        raise InputError(f"{count} of {len(labels)} labels are missing, the first at {first}; give every image one.")
    if pa.types.is_floating(kind):
        whole = pc.and_(pc.equal(labels, pc.round(labels)), pc.less(pc.abs(labels), MOST))
        _require(whole, labels, where, "labels are names or whole numbers")
        return labels.cast(pa.int64())
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)):
        if not pa.types.is_large_string(kind):
            raise InputError(f"Labels of type {kind} (as at {where(0)}) are neither names nor whole numbers.")
        labels = labels.cast(pa.string())
    return labels


def _require(fine: pa.ChunkedArray, labels: pa.ChunkedArray, where: Naming, rule: str) -> None:
    if not pc.all(fine, min_count=0).as_py():
        position = pc.index(fine, value=False).as_py()
        raise InputError(
            f"The label {labels[position].as_py()!r} of {where(position)} is not possible: {rule}; mend it."
        )


def _range(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004
    return f"there are {len(names)} classes, {shown}, counted from 0"


def one_a_sample(labels: np.ndarray, images: int, where: str) -> pa.Array:
    """Labels of an array as an Arrow array.

    Raises
    ------
    InputError
        If there is not one for each image, or they are of no type that labels have.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(f"The labels of {where} have the shape {labels.shape}; give one number or name an image.")
    if len(labels) != images:
        raise InputError(
            f"{where} holds {images} images but {len(labels)} labels; one of the two is not the right one."
        )
    if labels.dtype.kind in "SU":
        return _names(labels, where)
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.tolist()):
        return _names(labels, where)
    if labels.dtype.kind not in "biuf":
        raise InputError(f"The labels of {where} are of type {labels.dtype}; give numbers or names.")
    # Arrow does not know the other byte order, and computes with few widths of floating point.
    return pa.array(labels.astype(np.float64 if labels.dtype.kind == "f" else labels.dtype.type))


def _names(labels: np.ndarray, where: str) -> pa.Array:
    try:
        return pa.array((np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels).tolist(), pa.string())
    except (ValueError, SystemError):  # what is no character raises either
        raise InputError(f"The labels of {where} are not UTF-8; save them again.") from None
