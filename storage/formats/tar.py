"""WebDataset: tar files with an image and its label side by side, or plain tar files of class folders.

Nothing is extracted; members are read as ranges of bytes. The label of `1.jpg` is in `1.cls` or `1.json`, or else it is
the name of the image's folder.
"""

import io
import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.files import Files, visible
from storage.datasets.findings import Tally
from storage.datasets.labels import class_ids
from storage.datasets.placement import place_folders
from storage.datasets.ranges import read_ranges
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, numbered, to_samples, train_first
from storage.datasets.splits import TRAIN, split_of
from storage.errors import BadImageError, InputError
from storage.formats.tar_cache import Label, Labelled, kept
from storage.formats.tar_index import Member, tar_members
from storage.formats.tree import report_places
from storage.pixels.images import SUFFIXES

LABEL_KEYS = ("label", "cls", "class", "class_id", "class_name")
LABEL_SUFFIXES = frozenset({".cls", ".json"})
LABEL_BYTES = 2**16  # bytes to read of a file with a label, at most
READ_AHEAD = 2**14
IN_SHARD = r"(?s)^.*?\.tar/"
LINK = "a link in a tar file, which is not followed"


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.endswith((".tar", ".tar.gz", ".tgz"))


def find_tar(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if tar files are among some names in a folder."""
    packed = [name for name in names if name.endswith((".tar.gz", ".tgz"))]
    shards = [name for name in names if name.endswith(".tar")]
    if packed and not shards:
        raise InputError(f"{files}/{packed[0]} is compressed, so its parts cannot be read; unpack it first.")
    return TarSource(files, shards) if shards else None


class TarSource(ListedSource):
    """Images in tar files; keys are SHARD.tar/MEMBER.

    Parameters
    ----------
    files, shards
        The files.
    """

    layout = None

    def __init__(self, files: Files, shards: Sequence[str]) -> None:
        self._files, self._shards = files, sorted(shards)
        self._others, self._hidden = Tally(), Tally()

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The different labels; and all images, train first, in the order of the tar files and their members."""
        labels: list[pa.Array] = []
        found = numbered(to_samples(self._batches(labels)))
        if labels and all(part.null_count == len(part) for part in labels):
            found, names = self._by_folder(found)
        else:
            names = _of_one_type(labels)
        self.findings.ignore("other files", self._others, "member without an image or a label")
        self.findings.ignore("hidden files", self._hidden, "file with a hidden name")
        classes, ids = class_ids(names, None, lambda row: f"{self._files}/{found['key'][row]}")
        return classes, train_first(found.set_column(found.column_names.index("class_id"), "class_id", ids))

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
            images = (found for found in self._labelled(shard, stamp) if self._is_image(found.member))
            while batch := list(islice(images, LISTED_AT_ONCE)):
                labels.append(_array([image.label for image in batch]))
                yield {
                    "key": [f"{shard}/{image.member.name}" for image in batch],
                    "class_id": pa.nulls(len(batch), pa.int32()),
                    "split": split_of(shard),
                    "offset": [None if image.member.length is None else image.member.offset for image in batch],
                    "length": [image.member.length for image in batch],
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

    def _labelled(self, shard: str, stamp: bytes | None) -> Iterator[Labelled]:
        """Members that are not labels, each with its label; those of remote files are cached on this machine."""
        found = self._found(shard)
        return found if stamp is None or self._files.local(shard) else kept(f"{self._files}/{shard}", stamp, found)

    def _found(self, shard: str) -> Iterator[Labelled]:
        """Group neighbouring members into samples: their names agree up to the first dot."""
        with self._files.open(shard) as raw:
            file = io.BufferedReader(raw, READ_AHEAD) if isinstance(raw, io.RawIOBase) else raw
            for _, group in groupby(tar_members(file, f"{self._files}/{shard}"), lambda member: _stem(member.name)):
                members = list(group)
                label = self._label(file, shard, members)
                yield from (Labelled(member, label) for member in members if _suffix(member) not in LABEL_SUFFIXES)

    def _label(self, file: BinaryIO, shard: str, members: Iterable[Member]) -> Label:
        for member in members:
            name, suffix = member.name, _suffix(member)
            if suffix in LABEL_SUFFIXES and member.length is not None:
                file.seek(member.offset)
                content = file.read(min(member.length, LABEL_BYTES))
                try:
                    label = _parsed(content.decode().strip(), suffix)
                except (ValueError, RecursionError):
                    raise InputError(
                        f"{self._files}/{shard}/{name} is not a label: it holds {content[:40]!r}."
                    ) from None
                if label is not None:
                    return label
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


def _parsed(text: str, suffix: str) -> Label:
    if suffix == ".json":
        content = json.loads(text)
        entries = content if isinstance(content, dict) else {}
        label = next((entries[name] for name in LABEL_KEYS if name in entries), None)
        if isinstance(label, int | str) or label is None:
            return label
        raise ValueError
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else text  # noqa: PLR2004


def _array(labels: list[Label]) -> pa.Array:
    kinds = {type(label) for label in labels if label is not None}
    return pa.array(labels if len(kinds) <= 1 else [None if label is None else str(label) for label in labels])


def _of_one_type(labels: list[pa.Array]) -> pa.ChunkedArray:
    kinds = {part.type for part in labels if not pa.types.is_null(part.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.chunked_array([part.cast(kind) for part in labels], kind)
