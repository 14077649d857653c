"""Zip files of class folders, and whatever else a tree may hold.

Nothing is extracted; members are read as ranges of bytes. Only listing needs the directory at the end of a file,
since the range of a member holds its header, its content, and what follows until the next member.
"""

import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.files import Files
from storage.datasets.findings import counted
from storage.datasets.ranges import read_ranges
from storage.datasets.source import ListedSource, Source
from storage.errors import BadImageError, InputError
from storage.formats.archive_tree import Archive, ArchiveTree
from storage.formats.tree import level_of
from storage.formats.walk import is_image
from storage.formats.zip_members import METHODS, unpacked
from storage.setting_groups import Reading

ENCRYPTED = 1  # in the flags of a member
LINK = "a link in a zip file, which is not followed"
COLUMNS = pa.schema({"name": pa.string(), "offset": pa.int64(), "length": pa.int64()})


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return name.lower().endswith(".zip")


def find_zip(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if zip files are among some names in a folder."""
    archives = sorted(filter(knows, names))
    return ZipSource(files, archives, reading) if archives else None


class ZipSource(ListedSource):
    """Images in zip files; keys are ARCHIVE.zip/MEMBER.

    Parameters
    ----------
    files, archives
        The files.
    reading
        Which folders are classes, if the user said so.
    """

    layout = None

    def __init__(self, files: Files, archives: Sequence[str], reading: Reading) -> None:
        self._files, self._archives, self._level = files, archives, level_of(reading)

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names; and all images, train first, in the order of the zip files and their members."""
        where = f"{self._files}/{self._archives[0]}" if len(self._archives) == 1 else f"{self._files}"
        archives = [Archive(name, self._members(name), self._files.stamp(name)) for name in self._archives]
        tree = ArchiveTree(where, archives, self._level, self._content)
        listed = tree.classes, tree.samples()
        self.findings += tree.findings  # behind what is known of files beside the archives
        return listed

    def _members(self, name: str) -> pa.Table:
        """Names and places of the files and links in a zip file, in the order of their content."""
        where = f"{self._files}/{name}"
        try:
            with self._files.open(name) as file, zipfile.ZipFile(file) as archive:
                members = sorted(archive.infolist(), key=lambda member: member.header_offset)
                end = archive.start_dir
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise InputError(f"{where} is not a complete zip file: {error}. Get it again.") from None
        _require_readable([member for member in members if is_image(member.filename)], where)
        starts = [member.header_offset for member in members]
        ends = [*starts, end][1:]
        rows = [
            # Some programs of Windows write backslashes between folders.
            (member.filename.replace("\\", "/"), start, None if _is_link(member) else stop - start)
            for member, start, stop in zip(members, starts, ends, strict=True)
            if not member.filename.endswith("/")  # `is_dir` fails on a member without a name
        ]
        columns = zip(*rows, strict=True) if rows else ([], [], [])
        arrays = [pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)]
        return pa.Table.from_arrays(arrays, schema=COLUMNS)

    def _content(self, name: str, offset: int, length: int) -> bytes:
        return unpacked(self._files.read(name, offset, length), int(self._files.access.max_image_bytes))

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The unpacked bytes of each member, neighbors in one read."""
        most = int(self._files.access.max_image_bytes)
        for record in read_ranges(self._files, samples, _archives_of, LINK):
            try:
                yield record if isinstance(record, BadImageError) else unpacked(record, most)
            except BadImageError as error:
                yield error


def _require_readable(images: Sequence[zipfile.ZipInfo], where: str) -> None:
    """Refuse a zip file with images that need a password, or are compressed in an unknown way.

    Raises
    ------
    InputError
        Naming how many, and the first.
    """
    encrypted = [member.filename for member in images if member.flag_bits & ENCRYPTED]
    if encrypted:
        raise InputError(
            f"{where} holds {counted(len(encrypted), 'encrypted image')}, such as {encrypted[0]}. Pack the files again "
            "without a password."
        )
    methods = Counter(member.compress_type for member in images if member.compress_type not in METHODS)
    for method, count in methods.items():
        name = zipfile.compressor_names.get(method, f"method {method}")  # type: ignore[attr-defined]
        raise InputError(
            f"{where} holds {counted(count, 'image')} compressed by {name}, which cannot be read. Pack the files again "
            "with deflate, or unpack them."
        )


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _archives_of(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(keys, r"(?si)(\.zip)/.*", r"\1")
