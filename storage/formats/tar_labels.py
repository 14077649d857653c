"""Labels and further entries of the images of a WebDataset: the files .cls and .json beside an image."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from storage.datasets.columns import plain
from storage.errors import InputError
from storage.formats.json_columns import OTHER, kind_of, whole
from storage.formats.tar_cache import Described

NAMES = ("label", "cls", "class", "class_id", "class_name")  # of labels in .json; the first that is there is taken
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,8}")  # others, such as 001, are names

Label = int | str | None


class Entries(NamedTuple):
    """What the files beside an image say: its label, the name of the label in .json, and all of .json."""

    label: Label
    name: str | None
    rest: dict[str, Any] | None


def entries_of(described: Described, where: str, wanted: str | None) -> Entries:
    """The label and the other entries of an image.

    Parameters
    ----------
    described
        The texts of the files beside the image.
    where
        Name of the tar file for messages.
    wanted
        Name of the label in .json, if the user gave it; then .cls is not read.

    Raises
    ------
    InputError
        If a label is neither a whole number nor text.
    """
    rest = _object(described.json, f"{where}/{described.json_name}")
    if wanted is None and described.cls is not None and (label := _number_or_text(described.cls.strip())) != "":
        return Entries(label, None, rest)
    name = _label_name(rest or {}, wanted)
    label = rest[name] if rest and name is not None else None
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, str) or (isinstance(label, int) and kind_of(label) == OTHER):
        label = whole(str(label))
    if label is None or isinstance(label, int | str):
        return Entries(label, name, rest)
    raise InputError(
        f"{where}/{described.json_name} has the label {str(label)[:40]!r}; labels are whole numbers or text."
    )


def _label_name(entries: Collection[str], wanted: str | None) -> str | None:
    if wanted is None:
        return next((name for name in NAMES if name in entries), None)
    if wanted in entries:
        return wanted
    return next((name for name in entries if plain(name) == plain(wanted)), None)


def _object(text: str | None, where: str) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{where} is not JSON: it begins with {text[:40]!r}.") from None
    return content if isinstance(content, dict) else None


def _number_or_text(text: str) -> Label:
    return int(text) if NUMBER.fullmatch(text) else text


def in_an_array(labels: Sequence[Label]) -> pa.Array:
    """Labels of some images: text if they have several types."""
    kinds = {type(label) for label in labels if label is not None}
    return pa.array(labels if len(kinds) <= 1 else [None if label is None else str(label) for label in labels])


def in_one_array(labels: Sequence[pa.Array]) -> pa.ChunkedArray:
    """Labels of all images: text if they have several types."""
    kinds = {part.type for part in labels if not pa.types.is_null(part.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.chunked_array([part.cast(kind) for part in labels], kind)
