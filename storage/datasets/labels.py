"""Convert labels as people store them, numbers or names, to class ids."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.names import natural
from storage.errors import InputError

Naming = Callable[[int], str]
MOST = 2.0**53  # float64 represents every whole number up to this one
NONE = -1  # what Hugging Face, among others, writes where there is no label
LABELS = "labels"  # column of several labels an image
SEVERAL = "several labels"  # what is found then
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def class_ids(
    labels: pa.ChunkedArray, names: Sequence[str] | None, where: Naming
) -> tuple[tuple[str, ...], pa.ChunkedArray]:
    """Class names, and the class id (int32) of each label, null where there is no label.

    A label that is null, NaN, empty or blank is none; so is -1 if the classes have names.

    Parameters
    ----------
    labels
        Whole numbers, strings, booleans or nulls (n,).
    names
        Class names, if the dataset has them; labels that are numbers are positions in them, from 0. Otherwise the
        classes are the different labels, sorted.
    where
        Gives a name for messages to the sample at a position.

    Raises
    ------
    InputError
        If a label is not a whole number, or not among the names.
    """
    labels = _whole(labels, where)
    kind = labels.type
    if pa.types.is_boolean(kind):
        labels = pc.cast(labels, pa.string())
    if names is not None and pa.types.is_integer(kind):
        labels = pc.if_else(pc.equal(labels, NONE), pa.scalar(None, kind), labels)
        _require(pc.and_(pc.greater_equal(labels, 0), pc.less(labels, len(names))), labels, where, _range(names))
        return tuple(names), labels.cast(pa.int32())
    known = pa.array(names, pa.string()) if names is not None else _in_order(pc.unique(labels).drop_null())
    labels = labels.cast(known.type)
    if names is not None:
        fine = pc.or_(pc.is_null(labels), pc.is_in(labels, known))
        _require(fine, labels, where, f"it is not one of the {_classes(names)}")
    return tuple(str(name) for name in known.to_pylist()), pc.index_in(labels, known, skip_nulls=True).cast(pa.int32())


def in_one_type(parts: Sequence[pa.ChunkedArray], where: Sequence[str]) -> pa.ChunkedArray:
    """Labels from several files, whose types may differ in width, or in how strings are kept.

    Parameters
    ----------
    parts, where
        Labels of each file, and its name for users.

    Raises
    ------
    InputError
        If some are numbers and others names.
    """
    whole = [_whole(part, _row_of(name)) for part, name in zip(parts, where, strict=True)]
    kinds = {part.type: name for part, name in zip(whole, where, strict=True) if part.null_count < len(part)}
    if len(kinds) > 1:
        both = " and ".join(f"{kind} in {name}" for kind, name in list(kinds.items())[:2])
        raise InputError(f"The labels are of type {both}; write all of them as numbers or all as names.")
    kind = next(iter(kinds), pa.string())
    chunks = [chunk for part in whole for chunk in (part.chunks if part.type == kind else [pa.nulls(len(part), kind)])]
    return pa.chunked_array(chunks, kind)


def _row_of(name: str) -> Naming:
    return lambda row: f"row {row + 1} of {name}"


def _in_order(labels: pa.Array) -> pa.Array:
    """Different labels, sorted; numbers within names sort as numbers."""
    if pa.types.is_string(labels.type):
        return pa.array(sorted(labels.to_pylist(), key=natural), pa.string())
    return labels.sort()


def _whole(labels: pa.ChunkedArray, where: Naming) -> pa.ChunkedArray:
    """Labels as int64, strings or booleans, null where there is none."""
    kind = labels.type
    if pa.types.is_dictionary(kind):
        labels = labels.cast(kind.value_type)
        kind = labels.type
    if pa.types.is_null(kind):
        return labels.cast(pa.string())
    if any(is_text(kind) for is_text in TEXTS):
        labels = labels.cast(pa.string())
        blank = pc.equal(pc.utf8_trim_whitespace(labels), "")
        return pc.if_else(blank, pa.scalar(None, pa.string()), labels)
    if pa.types.is_floating(kind):
        labels = pc.if_else(pc.is_nan(labels), pa.scalar(None, kind), labels)
        whole = pc.and_(pc.equal(labels, pc.round(labels)), pc.less(pc.abs(labels), MOST))
        _require(whole, labels, where, "labels are names or whole numbers")
        return labels.cast(pa.int64())
    if pa.types.is_boolean(kind):
        return labels
    if not pa.types.is_integer(kind):
        raise InputError(f"Labels of type {kind} (as at {where(0)}) are neither names nor whole numbers.")
    return labels if kind == pa.uint64() else labels.cast(pa.int64())


def _require(fine: pa.ChunkedArray, labels: pa.ChunkedArray, where: Naming, rule: str) -> None:
    if not pc.all(fine, min_count=0).as_py():
        position = pc.index(fine, value=False).as_py()
        raise InputError(f"The label {labels[position].as_py()!r} of {where(position)} is not possible: {rule}.")


def _range(names: Sequence[str]) -> str:
    return f"it is not a number of one of the {_classes(names)}, counted from 0"


def _classes(names: Sequence[str]) -> str:
    return f"{len(names)} classes {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"  # noqa: PLR2004


def several_a_sample(arrays: Sequence[np.ndarray], names: Sequence[str] | None) -> pa.Array | None:
    """Labels of each image (n,), as lists, from arrays (n_i, L) of 1 for a label that it has and 0 for others, L > 1.

    Labels without names are called by their numbers, from 0. None for other arrays, and for those that give each image
    exactly one label: they are written for one class an image.
    """
    for array in arrays:
        if array.ndim != 2 or not 1 < array.shape[1] == arrays[0].shape[1]:  # noqa: PLR2004
            return None
        if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
            return None
    has = np.concatenate([array.astype(np.bool_) for array in arrays])
    counts = has.sum(axis=1)
    if (counts == 1).all():
        return None
    found = pa.array(np.flatnonzero(has) % has.shape[1], pa.int32())
    named = pa.array(names, pa.string()).take(found) if names and len(names) == has.shape[1] else found
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32()), named)


def require_as_many(labels: int, images: int, where: str) -> None:
    """Require a label for each image.

    Raises
    ------
    InputError
        If the numbers differ.
    """
    if labels != images:
        raise InputError(
            f"There are {images} images but {labels} labels in {where}; one of the two is not the right one."
        )


def one_a_sample(labels: np.ndarray, images: int, where: str) -> pa.Array:
    """Labels of an array as an Arrow array.

    Raises
    ------
    InputError
        If their number is not that of the images, or their type is neither numbers nor strings.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:  # noqa: PLR2004
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(
            f"The labels of {where} have the shape {labels.shape}: several for each image. Give one number or name an "
            "image, or 0 or 1 for each of several labels."
        )
    require_as_many(len(labels), images, where)
    if labels.dtype.kind in "SU":
        return _names(labels, where)
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.tolist()):
        return _names(labels, where)
    if labels.dtype.kind not in "biuf":
        raise InputError(f"The labels of {where} are of type {labels.dtype}; give numbers or names.")
    # Arrow supports only the machine's byte order, and computes with few floating-point types.
    return pa.array(labels.astype(np.float64 if labels.dtype.kind == "f" else labels.dtype.type))


def _names(labels: np.ndarray, where: str) -> pa.Array:
    try:
        return pa.array((np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels).tolist(), pa.string())
    except (ValueError, SystemError):  # invalid characters raise either of these
        raise InputError(f"The labels of {where} are not UTF-8; save them again.") from None
