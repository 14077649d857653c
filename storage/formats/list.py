"""A list of images: CSV, TSV or Parquet with a column of paths or addresses and a column of labels."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from storage.credentials import EITHER, REFUSAL
from storage.datasets.files import Files
from storage.datasets.labels import class_ids
from storage.datasets.remote_files import WEB, remote_files
from storage.datasets.source import ListedSource, Source, numbered, to_samples, train_first
from storage.datasets.splits import TRAIN, split_called
from storage.datasets.web import read_web
from storage.errors import BadImageError, InputError
from storage.formats.arrays import LABEL_WORDS

PATH_WORDS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "img",
    "uri",
    "url",
)
MORE_LABEL_WORDS = (*sorted(LABEL_WORDS), "class", "class_name", "class_id", "category")
SPLIT_COLUMNS = ("split", "set", "subset", "partition")
DELIMITERS = {".csv": ",", ".tsv": "\t", ".parquet": ""}
URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+")


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith(tuple(DELIMITERS))


def find_list(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if a file is a list of images."""
    (name,) = names
    suffix = next((suffix for suffix in DELIMITERS if name.endswith(suffix)), None)
    return None if suffix is None else ListSource(files, name, suffix)


class ListSource(ListedSource):
    """Images that a list names; keys are the paths or addresses in it, with #2 behind the second of the same.

    Parameters
    ----------
    files
        The folder of the list, which paths are relative to.
    name, suffix
        The list.
    """

    layout = None

    def __init__(self, files: Files, name: str, suffix: str) -> None:
        self._files, self._name, self._suffix = files, name, suffix

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The different labels; and all images, train first, in the order of the list."""
        table = self._table()
        columns = {column.lower(): column for column in reversed(table.column_names)}
        path = self._column(table, columns, PATH_WORDS, "path")
        label = self._column(table, columns, MORE_LABEL_WORDS, "label")
        if path.null_count:
            raise InputError(f"{self._files}/{self._name}: row {pc.index(path.is_null(), value=True)} has no path.")
        if (row := pc.index(pc.match_substring_regex(path.cast(pa.string()), EITHER), value=True).as_py()) >= 0:
            raise InputError(f"{self._files}/{self._name}: the address in row {row} has {REFUSAL}")
        classes, ids = class_ids(label, None, lambda row: f"row {row} of {self._files}/{self._name} ({path[row]})")
        split = next((table[columns[name]] for name in SPLIT_COLUMNS if name in columns), None)
        listed = to_samples(
            [
                {
                    "key": path.cast(pa.string()).combine_chunks(),
                    "class_id": ids.combine_chunks(),
                    "split": TRAIN if split is None else _splits(split),
                    "stamp": [self._stamp(name) for name in path.cast(pa.string()).to_pylist()],
                }
            ]
        )
        return classes, train_first(numbered(listed))

    def _table(self) -> pa.Table:
        where = f"{self._files}/{self._name}"
        try:
            with self._files.open(self._name) as file:
                if self._suffix == ".parquet":
                    return pq.read_table(file)
                # Empty is the only way to say that there is none: NA may be a class.
                convert = partial(pyarrow.csv.ConvertOptions, null_values=[""], strings_can_be_null=True)
                strings = {name: pa.string() for name in (*PATH_WORDS, *SPLIT_COLUMNS)}
                return pyarrow.csv.read_csv(
                    file,
                    parse_options=pyarrow.csv.ParseOptions(delimiter=DELIMITERS[self._suffix], newlines_in_values=True),
                    convert_options=convert(column_types=strings),
                )
        except pa.ArrowException as error:
            raise InputError(f"The list {where} cannot be read: {error}; mend it.") from None

    def _column(self, table: pa.Table, columns: dict[str, str], words: Sequence[str], what: str) -> pa.ChunkedArray:
        for word in words:
            if word in columns:
                return table[columns[word]]
        raise InputError(
            f"The list {self._files}/{self._name} has the columns {', '.join(table.column_names)}: call the one with "
            f"the {what} {words[0] if what == 'path' else 'label'}."
        )

    def _stamp(self, path: str) -> bytes | None:
        """Of a file on this machine; to ask for each object would take as long as to read it."""
        return self._files.stamp(path) if _place(path) is None and self._files.local(path) else None

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each image, from this machine or from where its address says."""
        named = zip(samples["key"].to_pylist(), samples["length"].to_pylist(), strict=True)
        for place, paths in groupby((key[:length] for key, length in named), _place):
            if place is None:
                yield from self._files.read_many(paths)
            elif WEB.match(place):
                yield from read_web(paths, self._files.access)
            else:
                yield from remote_files(place, self._files.access).read_many(path[len(place) + 1 :] for path in paths)


def _place(path: str) -> str | None:
    """What a URL has before its path, such as s3://bucket; None for a path."""
    match = URL.match(path)
    return match and match[0]


def _splits(column: pa.ChunkedArray) -> pa.Array:
    """Names of splits, as other formats have them."""
    names = column.cast(pa.string()).combine_chunks().dictionary_encode()
    known = [split_called(name) for name in names.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(names.indices).fill_null(TRAIN)
