"""A list of images: a table with a column of paths or addresses and a column of labels."""

import posixpath
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from storage.credentials import EITHER, REFUSAL
from storage.datasets.columns import PATH_WORDS, SPLIT_WORDS, given, label_column, shown, usual
from storage.datasets.files import Files
from storage.datasets.kept_columns import KeptColumns, columns_of_table, in_schema, kept_schema
from storage.datasets.labels import class_ids, in_one_type
from storage.datasets.source import ListedSource, Source, numbered, to_samples, train_first
from storage.datasets.splits import TRAIN, split_called, split_in, split_of
from storage.errors import BadImageError, InputError
from storage.formats.list_paths import keys_of, place_of, read_keys
from storage.formats.list_tables import ENDINGS, read_list
from storage.pixels.images import SUFFIXES
from storage.setting_groups import Reading

LOOKED_AT = 100  # values to check for whether a column holds paths


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.lower().endswith(ENDINGS)


def find_list(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if a file is a list of images."""
    return ListSource(files, names, reading) if all(map(knows, names)) else None


class Listed(NamedTuple):
    """The content of one list: its name for messages; key, label and split of each image (n,); its other columns."""

    where: str
    keys: list[str]
    labels: pa.ChunkedArray
    splits: pa.Array
    others: pa.Table


class ListSource(ListedSource):
    """Images that lists name. Keys are paths relative to the dataset, or addresses, with #2 appended to a repeated one.

    Parameters
    ----------
    files, names
        The lists; paths in each are relative to its folder.
    reading
        Names of columns, if the user gave them.
    """

    layout = None

    def __init__(self, files: Files, names: Sequence[str], reading: Reading) -> None:
        self._files, self._names, self._reading = files, sorted(names), reading

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The different labels; and all images, train first, in the order of the lists."""
        classes, samples, _ = self._in_order
        return classes, train_first(samples)

    @cached_property
    def columns(self) -> KeptColumns | None:
        """All columns of the lists, except those of paths and labels."""
        _, samples, lists = self._in_order
        schema = kept_schema([each.others.schema for each in lists], self.findings)
        if schema is None:
            return None
        return columns_of_table(samples["key"], pa.concat_tables([in_schema(each.others, schema) for each in lists]))

    @cached_property
    def _in_order(self) -> tuple[tuple[str, ...], pa.Table, list["Listed"]]:
        """The different labels, all images in the order of the lists, and the lists."""
        lists = [self._read(name) for name in self._names]
        places = [f"row {row + 1} of {each.where} ({key})" for each in lists for row, key in enumerate(each.keys)]
        labels = in_one_type([each.labels for each in lists], [each.where for each in lists])
        classes, ids = class_ids(labels, None, places.__getitem__)
        listed = {
            "key": [key for each in lists for key in each.keys],
            "class_id": ids.combine_chunks(),
            "split": pa.chunked_array([each.splits for each in lists]).combine_chunks(),
            "stamp": [self._stamp(key) for each in lists for key in each.keys],
        }
        return classes, numbered(to_samples([listed])), lists

    def _read(self, name: str) -> "Listed":
        where, folder = f"{self._files}/{name}", posixpath.dirname(name)
        with self._files.open(name) as file:
            table = read_list(file, where, self._reading.delimiter)
        path = path_column(table, self._reading.path_column, where)
        split = split_column(table, self._reading.split_column, where)
        others = [each for each in table.column_names if each not in {path, split}]
        label, why = label_column(others, self._reading.label_column, where)
        inside = self._files.inside(folder) if folder else self._files
        keys, noticed = keys_of(_paths(table[path], where), inside, where)
        self.findings.notes += [*([why] if why else []), *noticed]
        splits = (
            split_names(table[split]) if split else _splits_in([_from(folder, key) for key in keys], split_of(folder))
        )
        rest = table.drop_columns([path, label])
        return Listed(where, [_from(folder, key) for key in keys], table[label], splits, rest)

    def _stamp(self, key: str) -> bytes | None:
        """Stamp of a file on this machine. Objects have none here: a request for each takes as long as reading it."""
        return self._files.stamp(key) if place_of(key) is None and self._files.local(key) else None

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """Read the bytes of each image, from this machine or from its address."""
        named = zip(samples["key"].to_pylist(), samples["length"].to_pylist(), strict=True)
        return read_keys(self._files, (key[:length] for key, length in named))


def _splits_in(keys: Sequence[str], otherwise: str) -> pa.Array:
    """The split that each path names, if all do; a class may be called like a split."""
    found = {folder: split_in(folder) for folder in {posixpath.dirname(key) for key in keys}}
    if all(found.values()) and all(place_of(key) is None for key in keys):
        return pa.array([found[posixpath.dirname(key)] for key in keys], pa.string())
    return pa.repeat(otherwise, len(keys))


def _from(folder: str, key: str) -> str:
    """Key of an image that is named in a list in a folder."""
    return f"{folder}/{key}" if folder and place_of(key) is None and not key.startswith("/") else key


def path_column(table: pa.Table, wanted: str | None, where: str) -> str:
    """Find the column of paths: the user's choice, or a column with names of image files, or one with a usual name.

    Raises
    ------
    InputError
        If there is no such column.
    """
    names = table.column_names
    if wanted is not None:
        return given(names, wanted, where)
    called = usual(names, PATH_WORDS)
    for name in [*called, *(name for name in names if name not in called)]:
        if _holds_images(table[name]):
            return str(name)
    for name in called:
        if not pa.types.is_nested(table[name].type):
            return str(name)
    raise InputError(
        f"No column of image paths found in {where}: it has {shown(names)}. Pass --path-column, for example "
        f"--path-column {names[0]}."
    )


def split_column(table: pa.Table, wanted: str | None, where: str) -> str | None:
    """The column of splits, if there is one."""
    if wanted is not None:
        return given(table.column_names, wanted, where)
    found = usual(table.column_names, SPLIT_WORDS)
    return found[0] if found else None


def split_names(column: pa.ChunkedArray) -> pa.Array:
    """Names of splits in the spelling of other formats."""
    names = column.cast(pa.string()).combine_chunks().dictionary_encode()
    known = [split_called(name) for name in names.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(names.indices).fill_null(TRAIN)


def _holds_images(column: pa.ChunkedArray) -> bool:
    """Whether the first values of a column are names of image files."""
    values = [value for value in column.slice(0, LOOKED_AT).to_pylist() if value is not None]
    return bool(values) and all(isinstance(value, str) and value.lower().endswith(tuple(SUFFIXES)) for value in values)


def _paths(column: pa.ChunkedArray, where: str) -> list[str]:
    """Read paths and addresses from a column.

    Raises
    ------
    InputError
        If one is missing, or may contain a password.
    """
    if pa.types.is_nested(column.type):
        raise InputError(f"The paths of {where} are of type {column.type}; a column of paths holds text.")
    paths = column.cast(pa.string())
    if paths.null_count:
        raise InputError(f"Row {pc.index(paths.is_null(), value=True).as_py() + 1} of {where} has no path.")
    if (row := pc.index(pc.match_substring_regex(paths, EITHER), value=True).as_py()) >= 0:
        raise InputError(f"{where}: the address in row {row + 1} has {REFUSAL}")
    return paths.to_pylist()  # type: ignore[no-any-return]
