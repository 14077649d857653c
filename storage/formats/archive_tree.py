"""Trees of files in archives: members are placed by their folders, as files on a disk are."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from storage.datasets.files import visible
from storage.datasets.placement import Level
from storage.datasets.source import LISTED_AT_ONCE
from storage.datasets.splits import split_named, split_of
from storage.formats.packed_tar import without_packing
from storage.formats.tree import TreeSource
from storage.formats.walk import Entry, is_image

ENDINGS = (".tar", ".zip")


class Archive(NamedTuple):
    """An archive: its name, its members with the columns name, offset and length, and its stamp.

    An `offset` and a `length` say where a member lies; `length` is null for a link.
    """

    name: str
    members: pa.Table
    stamp: bytes | None


class ArchiveTree(TreeSource):
    """Images in archives; keys are ARCHIVE/MEMBER.

    Parameters
    ----------
    where
        Name of the dataset for messages.
    archives
        All archives.
    level
        Of folders inside folders, those that the user says are the classes.
    content
        Reads the bytes of a member, given the name of its archive, its offset and its length.
    """

    in_order = True  # neighbors in an archive are read together

    def __init__(
        self,
        where: str,
        archives: Sequence[Archive],
        level: Level | None,
        content: Callable[[str, int, int], bytes],
    ) -> None:
        super().__init__(where, level)
        self._archives, self._content = archives, content
        self._places: dict[str, tuple[str, int, int]] = {}

    def _entries(self) -> Iterator[Entry]:
        starts = _starts([archive.name for archive in self._archives], [list(_paths(each)) for each in self._archives])
        for archive, start in zip(self._archives, starts, strict=True):
            for name, offset, length in _rows(archive.members):
                path = posixpath.join(start, clean(name))
                if not is_image(path) and length is not None:
                    self._places[path] = archive.name, offset, length
                yield Entry(path, f"{archive.name}/{name}", None if length is None else offset, length, archive.stamp)

    def text(self, path: str) -> bytes:
        """Content of a member that is no image."""
        return self._content(*self._places[path])


def clean(name: str) -> str:
    """Path of a member without parts that lead out of the archive: a leading slash, and the folders . and .."""
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _rows(members: pa.Table) -> Iterator[tuple[str, int, int | None]]:
    for batch in members.select(["name", "offset", "length"]).to_batches(LISTED_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _paths(archive: Archive) -> Iterator[str]:
    """Paths of the images of an archive, without hidden ones."""
    for name, *_ in _rows(archive.members):
        path = clean(name)
        if is_image(path) and all(map(visible, path.split("/"))):
            yield path


def _starts(names: Sequence[str], paths: Sequence[Sequence[str]]) -> list[str]:
    """The folder that each archive stands for, which is put before the paths of its members.

    Several archives without folders stand for classes, unless they are numbered parts or called like splits. Archives
    that are called like splits stand for them, unless they hold folders of splits themselves.
    """
    stems = [without_ending(name) for name in names]
    split = any(split_named(posixpath.basename(stem)) for stem in stems)
    if (
        len(names) > 1
        and not split
        and not _are_parts(stems)
        and not any("/" in path for some in paths for path in some)
    ):
        return stems
    if any(split_named(part) for stem in stems for part in stem.split("/")) and not all(map(_holds_splits, paths)):
        return [split_of(stem) for stem in stems]
    return [""] * len(names)


def _are_parts(stems: Sequence[str]) -> bool:
    """Whether names differ only in a number that counts on from one to the next, such as shard-00001."""
    numbers = [re.search(r"[0-9]+$", stem) for stem in stems]
    found = {int(number[0]) for number in numbers if number}
    beginnings = {posixpath.basename(stem).rstrip("0123456789") for stem in stems}
    return all(numbers) and len(beginnings) == 1 and max(found) - min(found) == len(found) - 1


def without_ending(name: str) -> str:
    """Name of an archive without its ending."""
    name = without_packing(name)
    return next((name[: -len(ending)] for ending in ENDINGS if name.lower().endswith(ending)), name)


def _holds_splits(paths: Sequence[str]) -> bool:
    """Whether the folders that paths begin with, below those that all share, are all called like splits."""
    folders = [posixpath.dirname(path).split("/") for path in paths]
    names: set[str] = set()
    for depth in range(max(map(len, folders), default=0)):
        names = {folder[depth] for folder in folders if len(folder) > depth}
        if len(names) > 1 or any(map(split_named, names)):
            break
    return bool(names) and all(map(split_named, names))
