"""One pass over the files of a tree: images in columns, and counts of all other files."""

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from storage.datasets.files import visible
from storage.datasets.findings import Finding, Findings, Tally, counted, shown
from storage.datasets.source import LISTED_AT_ONCE, SAMPLES
from storage.pixels.images import SUFFIXES

NO_ENDING = "(no ending)"
MANY = frozenset({".txt", ".xml", ".json"})  # files that may lie beside each image
KEPT = 100  # paths to keep of each of them in a folder
IMAGES = pa.schema(
    {
        "key": pa.string(),
        "folder": pa.int32(),
        "offset": pa.int64(),
        "length": pa.int64(),
        "stamp": SAMPLES.field("stamp").type,
    }
)


class Entry(NamedTuple):
    """A file of a tree.

    Attributes
    ----------
    path
        Path of the file, which decides split and class.
    key
        Key of the sample.
    offset, length, stamp
        As in `storage.datasets.source.SAMPLES`.
    """

    path: str
    key: str
    offset: int | None
    length: int | None
    stamp: bytes | None


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name."""
    return posixpath.splitext(name)[1].lower() in SUFFIXES


class Walked:
    """Result of one pass over the files of a tree: images in columns, and counts of the other files.

    Attributes
    ----------
    folders
        Index of each folder with images.
    full
        Folders with files at any depth.
    hidden
        Files whose name, or that of a folder around them, begins with a dot.
    others
        Paths of files without the extension of an image; at most `KEPT` in a folder for each extension in `MANY`.
    endings
        Number of files without the extension of an image, by extension.
    """

    def __init__(self) -> None:
        self.folders: dict[str, int] = {}
        self.full: set[str] = set()
        self.hidden = Tally()
        self.others: list[str] = []
        self.endings: Counter[str] = Counter()
        self._many: Counter[tuple[str, str]] = Counter()

    @property
    def names(self) -> list[str]:
        """Folders with images, in the order of their index."""
        return list(self.folders)

    def images(self, entries: Iterable[Entry]) -> Iterator[pa.RecordBatch]:
        """The images among some files (schema `IMAGES`), in batches."""
        found = (entry for entry in entries if self._is_image(entry.path))
        while some := list(islice(found, LISTED_AT_ONCE)):
            columns = {name: [getattr(entry, name) for entry in some] for name in ("key", "offset", "length", "stamp")}
            columns["folder"] = [self._folder(posixpath.dirname(entry.path)) for entry in some]
            yield pa.RecordBatch.from_pydict(columns, IMAGES)

    def _folder(self, folder: str) -> int:
        return self.folders.setdefault(folder, len(self.folders))

    def _is_image(self, path: str) -> bool:
        if not all(map(visible, path.split("/"))):
            self.hidden.add(path)
            return False
        self._fill(posixpath.dirname(path))
        ending = posixpath.splitext(path)[1].lower()
        if ending in SUFFIXES:
            return True
        self.endings[ending or NO_ENDING] += 1
        if ending not in MANY or self._is_among_first(posixpath.dirname(path), ending):
            self.others.append(path)
        return False

    def _is_among_first(self, folder: str, ending: str) -> bool:
        self._many[folder, ending] += 1
        return self._many[folder, ending] <= KEPT

    def report(self, findings: Findings, read: Collection[str] = ()) -> None:
        """Report the files that are not read."""
        rest = self.endings - Counter(posixpath.splitext(path)[1].lower() or NO_ENDING for path in read)
        if count := rest.total():
            text = f"Skipped {counted(count, 'file')} without the ending of an image: {shown(rest)}."
            findings.ignored.append(Finding("other files", text, count))
        findings.ignore("hidden files", self.hidden, "file with a hidden name")

    def _fill(self, folder: str) -> None:
        while folder not in self.full:
            self.full.add(folder)
            folder = posixpath.dirname(folder)
