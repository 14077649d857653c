"""Folders that `save_to_disk` of Hugging Face's datasets writes: Arrow files, with their names in state.json.

The layout: https://huggingface.co/docs/datasets/process#save. A DatasetDict has a folder for each split.
"""

import json
import posixpath
from collections.abc import Sequence
from typing import Any

from storage.datasets.files import Files
from storage.datasets.findings import Finding, counted
from storage.datasets.source import Source
from storage.datasets.splits import split_called, split_named
from storage.errors import InputError
from storage.formats.parquet import ParquetSource, image_column
from storage.formats.table_files import open_arrow
from storage.setting_groups import Reading

STATE = "state.json"
DESCRIBING = frozenset({STATE, "dataset_info.json", "dataset_dict.json"})


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith(".arrow") or posixpath.basename(name) in DESCRIBING


def find_arrow(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if Arrow files with a column of images are among some names in a folder."""
    found = sorted(name for name in names if name.endswith(".arrow"))
    states = {posixpath.dirname(name): _state(files, name) for name in names if posixpath.basename(name) == STATE}
    listed = [path for folder, state in states.items() for path in _listed(files, folder, state, found)]
    paths = sorted(listed) if states else found
    column = image_column(open_arrow(files, paths[0]).schema) if paths else None
    if column is None:
        return None
    splits = {path: _split(path, states.get(posixpath.dirname(path), {})) for path in paths}
    source = ParquetSource(files, paths, column, reading, open_arrow, splits.get)
    if others := set(found) - set(paths):
        text = f"Skipped {counted(len(others), 'file')} of Arrow (such as {min(others)}) that no {STATE} names."
        source.findings.ignored.append(Finding("other files", text, len(others)))
    return source


def _state(files: Files, path: str) -> dict[str, Any]:
    try:
        state = json.loads(files.read(path))
    except (ValueError, RecursionError):
        raise InputError(f"{files}/{path} is not JSON; save the dataset again.") from None
    if not isinstance(state, dict) or not isinstance(state.get("_data_files"), list):
        raise InputError(f"{files}/{path} names no files of data; save the dataset again.")
    if state.get("_indices_data_files"):
        raise InputError(f"{files}/{path} selects rows by another file; save the dataset again with flatten_indices().")
    return state


def _listed(files: Files, folder: str, state: dict[str, Any], found: Sequence[str]) -> list[str]:
    """Paths of the files that a dataset consists of."""
    names = [entry.get("filename") if isinstance(entry, dict) else None for entry in state["_data_files"]]
    paths = [posixpath.join(folder, str(name)) for name in names]
    for path in paths:
        if path not in found:
            raise InputError(f"{files}/{posixpath.join(folder, STATE)} names {path}, which is not there; get it again.")
    return paths


def _split(path: str, state: dict[str, Any]) -> str:
    """The split that folders name, or else the one that the dataset was a part of."""
    named = [split for part in reversed(path.split("/")) if (split := split_named(part))]
    return named[0] if named else split_called(str(state.get("_split") or "train"))
