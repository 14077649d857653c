"""WebDataset: tar files with an image and its label side by side, or plain tar files of class folders.

Nothing is extracted; members are read as ranges of bytes. The label of `1.jpg` is in `1.cls` or `1.json`, or else it is
the name of the image's folder. The other entries of `1.json` are columns.
"""

import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.columns import shown
from storage.datasets.files import Files, visible
from storage.datasets.findings import Tally
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.labels import class_ids
from storage.datasets.placement import place_folders
from storage.datasets.ranges import read_ranges
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, numbered, to_samples, train_first
from storage.datasets.splits import TRAIN, split_of
from storage.errors import BadImageError, InputError
from storage.formats.json_columns import JsonRows
from storage.formats.tar_cache import Described, kept
from storage.formats.tar_index import Member, tar_members
from storage.formats.tar_labels import CLS, JSON, Entries, entries_of, in_an_array, in_one_array
from storage.formats.tree import report_places
from storage.pixels.images import SUFFIXES
from storage.setting_groups import Reading

MOST_BYTES = 2**20  # of a file with labels
READ_AHEAD = 2**14
IN_SHARD = r"(?s)^.*?\.tar/"
LINK = "a link in a tar file, which is not followed"


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith((".tar", ".tar.gz", ".tgz"))


def find_tar(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if tar files are among some names in a folder."""
    packed = [name for name in names if name.endswith((".tar.gz", ".tgz"))]
    shards = [name for name in names if name.endswith(".tar")]
    if packed and not shards:
        raise InputError(f"{files}/{packed[0]} is compressed, so its parts cannot be read; unpack it first.")
    return TarSource(files, shards, reading.label_column) if shards else None


class TarSource(ListedSource):
    """Images in tar files; keys are SHARD.tar/MEMBER.

    Parameters
    ----------
    files, shards
        The files.
    label_name
        Name of the label in the files .json, if the user gave it.
    """

    layout = None

    def __init__(self, files: Files, shards: Sequence[str], label_name: str | None) -> None:
        self._files, self._shards, self._label_name = files, sorted(shards), label_name
        self._others, self._hidden = Tally(), Tally()
        self._rows, self._label_names = JsonRows(), set[str]()

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The different labels; and all images, train first, in the order of the tar files and their members."""
        labels: list[pa.Array] = []
        found = self._in_order(labels)
        if labels and all(part.null_count == len(part) for part in labels):
            self._require_no_name()
            found, names = self._by_folder(found)
        else:
            names = in_one_array(labels)
        self.findings.ignore("other files", self._others, "member without an image or a label")
        self.findings.ignore("hidden files", self._hidden, "file with a hidden name")
        classes, ids = class_ids(names, None, lambda row: f"{self._files}/{found['key'][row]}")
        return classes, train_first(found.set_column(found.column_names.index("class_id"), "class_id", ids))

    def _in_order(self, labels: list[pa.Array]) -> pa.Table:
        found = numbered(to_samples(self._batches(labels)))
        self._keys = found["key"]
        return found

    @cached_property
    def columns(self) -> KeptColumns | None:
        """The entries of the files .json, except labels."""
        return self._rows.columns(self._keys, self.findings, self._label_names)

    def _require_no_name(self) -> None:
        """Refuse a name of labels that no file has."""
        if self._label_name is not None:
            raise InputError(
                f"No file .json of {self._files} has a label under {self._label_name}; they have "
                f"{shown(self._rows.names)}. Pass --label-column with one of these, or leave it out."
            )

    def _by_folder(self, found: pa.Table) -> tuple[pa.Table, pa.ChunkedArray]:
        """Images to read, with splits and classes from their folders."""
        folders = pc.replace_substring_regex(pc.replace_substring_regex(found["key"], IN_SHARD, ""), r"/?[^/]*$", "")
        folders = folders.combine_chunks().dictionary_encode()
        names, counts = folders.dictionary.to_pylist(), np.bincount(folders.indices.to_numpy())
        paths = [clean(name) for name in names]
        images: Counter[str] = Counter()
        for path, count in zip(paths, counts.tolist(), strict=True):
            images[path] += count
        placed = place_folders(images, str(self._files)).places
        report_places(self.findings, images, placed)
        places = [placed[path] for path in paths]
        if {place.split for place in places} != {TRAIN}:
            splits = pa.array([place.split for place in places], pa.string()).take(folders.indices)
            splits = splits.dictionary_encode().cast(found.schema.field("split").type)
            found = found.set_column(found.column_names.index("split"), "split", splits)
        read = pa.array([not place.why for place in places]).take(folders.indices)
        labels = pa.array([place.label for place in places], pa.string()).take(folders.indices)
        return found.filter(read), pa.chunked_array([labels.filter(read)])

    def _batches(self, labels: list[pa.Array]) -> Iterator[dict[str, Any]]:
        for shard in self._shards:
            stamp = self._files.stamp(shard)
            images = (
                self._read_entries(shard, found)
                for found in self._described(shard, stamp)
                if self._is_image(found.member)
            )
            while batch := list(islice(images, LISTED_AT_ONCE)):
                labels.append(in_an_array([entries.label for _, entries in batch]))
                members = [member for member, _ in batch]
                yield {
                    "key": [f"{shard}/{member.name}" for member in members],
                    "class_id": pa.nulls(len(batch), pa.int32()),
                    "split": split_of(shard),
                    "offset": [None if member.length is None else member.offset for member in members],
                    "length": [member.length for member in members],
                    "stamp": [stamp] * len(batch),
                }

    def _is_image(self, member: Member) -> bool:
        """Whether a member is an image by its name; other members are counted."""
        if not all(map(visible, clean(member.name).split("/"))):
            self._hidden.add(member.name)
            return False
        image = _suffix(member) in SUFFIXES
        if not image:
            self._others.add(member.name)
        return image

    def _read_entries(self, shard: str, found: Described) -> tuple[Member, Entries]:
        """An image with its label; the other entries are kept for the columns."""
        where = f"{self._files}/{shard}{_stem('/' + found.member.name)[1:]}"
        entries = entries_of(found, where, self._label_name)
        self._rows.add(entries.rest)
        self._label_names |= {entries.name} if entries.name is not None else set()
        return found.member, Entries(entries.label, None, None)

    def _described(self, shard: str, stamp: bytes | None) -> Iterator[Described]:
        """Members that are not labels, with the texts beside them; those of remote files are cached on this machine."""
        found = self._found(shard)
        return found if stamp is None or self._files.local(shard) else kept(f"{self._files}/{shard}", stamp, found)

    def _found(self, shard: str) -> Iterator[Described]:
        """Group neighbouring members into samples: their names agree up to the first dot."""
        with self._files.open(shard) as raw:
            file = io.BufferedReader(raw, READ_AHEAD) if isinstance(raw, io.RawIOBase) else raw
            for _, group in groupby(tar_members(file, f"{self._files}/{shard}"), lambda member: _stem(member.name)):
                members = list(group)
                cls, json = (self._text(file, shard, members, suffix) for suffix in (CLS, JSON))
                yield from (Described(each, cls, json) for each in members if _suffix(each) not in {CLS, JSON})

    def _text(self, file: BinaryIO, shard: str, members: Iterable[Member], suffix: str) -> str | None:
        """The text of the first member with an ending.

        Raises
        ------
        InputError
            If it is too large or not UTF-8.
        """
        for member in members:
            if _suffix(member) == suffix and member.length is not None:
                where = f"{self._files}/{shard}/{member.name}"
                if member.length > MOST_BYTES:
                    raise InputError(f"{where} takes {member.length:,} bytes; files with labels take up to 1 MiB.")
                file.seek(member.offset)
                content = file.read(member.length)
                try:
                    return content.decode()
                except UnicodeDecodeError:
                    raise InputError(f"{where} is not a label: it holds {content[:40]!r}.") from None
        return None

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each member, neighbours in one read."""
        return read_ranges(self._files, samples, _shards, LINK)


def clean(name: str) -> str:
    """Path of a member without parts that lead out of the archive: a leading slash, and the folders . and .."""
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _shards(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(keys, r"(?s)(\.tar)/.*", r"\1")


def _suffix(member: Member) -> str:
    return posixpath.splitext(member.name)[1].lower()


def _stem(name: str) -> str:
    folder, base = posixpath.split(name)
    return f"{folder}/{base.split('.', 1)[0]}"
