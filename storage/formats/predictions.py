"""Read the probabilities of classes that a model gave to the images of a run: a table by key, or an array in order."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.errors import InputError
from storage.formats.keyed_table import read_keyed_table
from storage.formats.list_tables import ENDINGS

ROUNDING = 0.01  # largest difference of a sum of probabilities from 1


class Predictions(NamedTuple):
    """What a model says of the images of a run.

    Attributes
    ----------
    values
        Probabilities (n, C) float32; NaN in the rows of images that the file does not have.
    unknown
        Number of rows of the file that name no image of the run.
    """

    values: npt.NDArray[np.float32]
    unknown: int


def read_predictions(path: Path, keys: Sequence[str], classes: Sequence[str]) -> Predictions:
    """Read the probability of each class for each image of a run.

    Parameters
    ----------
    path
        A table (CSV, JSON lines, Parquet, Feather) with a column `key` and a column for each class, by its name. Or a
        .npy array (n, C), with images in the order of the table samples and classes in that of the run.
    keys, classes
        Keys of the run's images (n,), and names of its classes (C,).

    Returns
    -------
    Predictions
        The probabilities, and how many rows of the file were not used.

    Raises
    ------
    InputError
        If the file cannot be read, is about other images or classes, or holds no probabilities.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; pass the file of a model's predictions.")
    ending = path.suffix.lower()
    if ending == ".npy":
        found = Predictions(_array(path, len(keys), len(classes)), 0)
    elif ending in ENDINGS:
        found = _by_key(path, keys, classes)
    else:
        raise InputError(f"{path} is none of {', '.join((*ENDINGS, '.npy'))}; save the predictions as one of them.")
    _require_probabilities(found.values, path, keys)
    return found


def _array(path: Path, images: int, classes: int) -> npt.NDArray[np.float32]:
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as an array: {error}. Save it by numpy.save.") from None
    if not isinstance(found, np.ndarray) or found.shape != (images, classes) or found.dtype.kind not in "fiu":
        seen = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "no array"
        raise InputError(
            f"{path} holds {seen}. It must hold numbers of shape ({images}, {classes}): the images in the order of the "
            "table samples, and the classes in that of the run."
        )
    return found.astype(np.float32)


def _by_key(path: Path, keys: Sequence[str], classes: Sequence[str]) -> Predictions:
    given = read_keyed_table(path, classes, ", and a column for each class")
    rows = given.rows(pa.chunked_array([keys], pa.string()))
    found = np.full((len(keys), len(classes)), np.nan, np.float32)
    known = rows >= 0
    for number, name in enumerate(classes):
        try:
            values = given.content[name].cast(pa.float32())
        except pa.ArrowInvalid as error:
            raise InputError(f"Column {name} of {path} holds no numbers: {str(error).splitlines()[0]}.") from None
        found[rows[known], number] = np.asarray(values)[known]
    return Predictions(found, int((~known).sum()))


def _require_probabilities(found: npt.NDArray[np.float32], path: Path, keys: Sequence[str]) -> None:
    empty = np.isnan(found).all(axis=1)
    sums = found.sum(axis=1)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~empty & ~((found >= 0).all(axis=1) & (np.abs(sums - 1) <= ROUNDING)))
    if len(bad):
        row = bad[0]
        raise InputError(
            f"The values of {keys[row]!r} in {path} are no probabilities: the least is {found[row].min():.3g}, the sum "
            f"{sums[row]:.3g}. Apply a softmax to a model's outputs."
        )
