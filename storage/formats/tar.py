"""Tar files: WebDataset, with an image and its label side by side, or class folders and whatever else a tree may hold.

Nothing is extracted; members are read as ranges of bytes. The entries of WebDataset's `1.json` that are no labels are
columns.
"""

import io
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.columns import shown
from storage.datasets.files import Files, visible
from storage.datasets.findings import Finding, Tally, named
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.known import cache_folder
from storage.datasets.labels import class_ids
from storage.datasets.ranges import read_ranges
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, numbered, to_samples, train_first
from storage.datasets.splits import split_of
from storage.errors import BadImageError, InputError
from storage.formats.archive_tree import Archive, ArchiveTree, clean
from storage.formats.json_columns import JsonRows
from storage.formats.packed_tar import PlainTars, is_packed, without_packing
from storage.formats.tar_cache import MEMBERS, Described, kept
from storage.formats.tar_index import Member, tar_members
from storage.formats.tar_labels import Label, entries_of, in_an_array, in_one_array
from storage.formats.tree import level_of
from storage.formats.walk import is_image
from storage.formats.webdataset import CLS, JSON, Text, Texts
from storage.setting_groups import Reading

MOST_BYTES = 2**20  # of a file with labels
READ_AHEAD = 2**14
IN_SHARD = r"(?si)(\.(?:tar(?:\.(?:gz|bz2|xz))?|tgz|tbz2|txz))/.*"
EMPTY = MEMBERS.names[len(Member._fields) :]
LINK = "a link in a tar file, which is not followed"


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.lower().endswith(".tar") or is_packed(name)


def find_tar(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if tar files are among some names in a folder; one that is there compressed and not counts once."""
    shards = [name for name in names if knows(name) and not (is_packed(name) and without_packing(name) in names)]
    return TarSource(files, shards, reading) if shards else None


class TarSource(ListedSource):
    """Images in tar files; keys are SHARD.tar/MEMBER.

    Parameters
    ----------
    files, shards
        The files.
    reading
        Which folders are classes, and the name of the label in the files .json, if the user said so.
    """

    layout = None

    def __init__(self, files: Files, shards: Sequence[str], reading: Reading) -> None:
        self._files, self._shards = PlainTars(files), sorted(shards)
        self._level, self._label_name = level_of(reading), reading.label_column
        self._others, self._hidden = Tally(), Tally()
        self._rows, self._label_names = JsonRows(), set[str]()

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names; and all images, train first, in the order of the tar files and their members."""
        archives = [Archive(shard, self._members(shard), self._files.stamp(shard)) for shard in self._shards]
        unpacked = self._unpacked()
        labels: list[pa.Array] = []
        found = numbered(to_samples(self._batches(archives, labels)))
        self._keys = found["key"]
        if all(part.null_count == len(part) for part in labels):
            self._require_no_name()
            listed = self._by_folder(archives)
            self.findings.notes += unpacked
            return listed
        self.findings.notes += unpacked
        self.findings.ignore("other files", self._others, "member without an image or a label")
        self.findings.ignore("hidden files", self._hidden, "file with a hidden name")
        names = in_one_array(labels)
        classes, ids = class_ids(names, None, lambda row: f"{self._files}/{found['key'][row]}")
        return classes, train_first(found.set_column(found.column_names.index("class_id"), "class_id", ids))

    def _unpacked(self) -> list[Finding]:
        """A note on files that were unpacked."""
        packed = list(filter(is_packed, self._shards))
        if not packed:
            return []
        size = sum(map(self._files.unpacked_bytes, packed)) / 2**20
        text = (
            f"Unpacked {named(packed)} ({size:,.0f} MiB) once to the cache {cache_folder()}, so that parts can be read."
        )
        return [Finding("unpacked archives", text, len(packed))]

    def _by_folder(self, archives: Sequence[Archive]) -> tuple[tuple[str, ...], pa.Table]:
        """Classes and images of tar files without labels."""
        where = f"{self._files}/{self._shards[0]}" if len(self._shards) == 1 else f"{self._files}"
        tree = ArchiveTree(where, archives, self._level, self._files.read)
        listed = tree.classes, tree.samples()
        self.findings += tree.findings  # behind what is known of files beside the archives
        return listed

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

    def _batches(self, archives: Sequence[Archive], labels: list[pa.Array]) -> Iterator[dict[str, Any]]:
        """The images of tar files; their labels are appended to a list."""
        for archive in archives:
            described = (
                Described(*row) for batch in archive.members.to_batches(LISTED_AT_ONCE) for row in _rows(batch)
            )
            images = (found for found in described if self._is_read(found.name))
            while batch := list(islice(images, LISTED_AT_ONCE)):
                labels.append(in_an_array([self._label(archive.name, found) for found in batch]))
                yield {
                    "key": [f"{archive.name}/{found.name}" for found in batch],
                    "class_id": pa.nulls(len(batch), pa.int32()),
                    "split": [split_of(_folder(archive.name, found.name)) for found in batch],
                    "offset": [None if found.length is None else found.offset for found in batch],
                    "length": [found.length for found in batch],
                    "stamp": [archive.stamp] * len(batch),
                }

    def _is_read(self, name: str) -> bool:
        """Whether a member is an image by its name; other members are counted."""
        if not all(map(visible, clean(name).split("/"))):
            self._hidden.add(name)
            return False
        if not is_image(name):
            self._others.add(name)
            return False
        return True

    def _label(self, shard: str, found: Described) -> Label:
        """The label of an image; the other entries of its file .json are kept for the columns."""
        entries = entries_of(found, f"{self._files}/{shard}", self._label_name)
        self._rows.add(entries.rest)
        self._label_names |= {entries.name} if entries.name is not None else set()
        return entries.label

    def _members(self, shard: str) -> pa.Table:
        """Members that describe no image (schema `MEMBERS`); those of remote files are cached on this machine."""
        stamp = self._files.stamp(shard)
        read = partial(self._read_members, shard)
        return read() if stamp is None or self._files.local(shard) else kept(f"{self._files}/{shard}", stamp, read)

    def _read_members(self, shard: str) -> pa.Table:
        where = f"{self._files}/{shard}"
        texts = {"cls": Texts(CLS), "json": Texts(JSON)}
        with self._files.open(shard) as raw:
            file = io.BufferedReader(raw, READ_AHEAD) if isinstance(raw, io.RawIOBase) else raw
            members = _with_texts(file, where, texts)
        names = members["name"].to_pylist()
        if not names:  # as of a file of zeros: they end every archive
            raise InputError(f"{where} holds no files; get it again, or remove it.")
        images = [row for row, name in enumerate(names) if is_image(name)]
        unused = set(names)
        for kind, some in texts.items():
            described = some.of([names[row] for row in images])
            columns = _columns(images, described, len(names))
            for column, values in zip((kind, f"{kind}_name"), columns, strict=True):
                members = members.set_column(members.schema.get_field_index(column), column, values)
            unused -= {text.name for text in described if text is not None}
        return members.filter(pc.is_in(members["name"], pa.array(sorted(unused), pa.string())))

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each member, neighbors in one read."""
        return read_ranges(self._files, samples, _shards, LINK)


def _with_texts(file: BinaryIO, where: str, texts: dict[str, Texts]) -> pa.Table:
    """All members (schema `MEMBERS`), without descriptions; the texts that may describe images are read on the way."""

    def read() -> Iterator[Member]:
        for member in tar_members(file, where):
            for some in texts.values():
                if some.takes(member.name) and member.length is not None:
                    some.add(Text(member.name, _text(file, member.offset, member.length, f"{where}/{member.name}")))
            yield member

    waiting, batches = read(), []
    while some := list(islice(waiting, LISTED_AT_ONCE)):
        columns = dict(zip(Member._fields, zip(*some, strict=True), strict=True))
        batches.append(pa.RecordBatch.from_pydict(columns | dict.fromkeys(EMPTY, [None] * len(some)), MEMBERS))
    return pa.Table.from_batches(batches, MEMBERS)


def _text(file: BinaryIO, offset: int, length: int, where: str) -> str | InputError:
    """The text of a member, or why it cannot be read."""
    if length > MOST_BYTES:
        return InputError(f"{where} takes {length:,} bytes; files with labels take up to 1 MiB.")
    file.seek(offset)
    content = file.read(length)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return InputError(f"{where} is not a label: it holds {content[:40]!r}.")


def _columns(images: Sequence[int], texts: Sequence[Text | None], count: int) -> tuple[pa.Array, pa.Array]:
    """Texts and names of the files that describe the images in some of `count` rows."""
    found: list[list[str | None]] = [[None] * count, [None] * count]
    for row, text in zip(images, texts, strict=True):
        if text is not None:
            found[0][row], found[1][row] = text.read(), text.name
    return pa.array(found[0], pa.string()), pa.array(found[1], pa.string())


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _folder(shard: str, member: str) -> str:
    """Folder of a member, behind the name of its tar file."""
    return f"{shard}/{clean(member)}".rpartition("/")[0]


def _shards(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(keys, IN_SHARD, r"\1")
