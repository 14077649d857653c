"""Datasets with images in class folders, on a disk, in a bucket or in an archive."""

import posixpath
from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.files import visible
from storage.datasets.findings import Finding, Findings, Tally, counted, shown
from storage.datasets.names import natural
from storage.datasets.placement import HOLDERS, Level, Place, place_folders
from storage.datasets.source import LISTED_AT_ONCE, SAMPLES, ListedSource, numbered, train_first
from storage.formats.label_files import TextFiles, with_labels
from storage.pixels.images import SUFFIXES
from storage.setting_groups import Reading
from storage.tables.schemas import SPLIT

FOLDERS, OUTER_FOLDERS, INNER_FOLDERS = "folders", "outer-folders", "inner-folders"
LEVELS: dict[str, Level] = {OUTER_FOLDERS: "outer", INNER_FOLDERS: "inner"}
NO_ENDING = "(no ending)"
MANY = frozenset({".txt", ".xml", ".json"})  # files that may lie beside each image
KEPT = 100  # paths to keep of each of them in a folder
WHY = {
    "loose images": "image outside the class folders",
    "images beside the splits": "image in folders beside those of the splits",
    "masks": "image in folders of masks",
    "copies": "image in folders that repeat the class folders beside them",
}


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


class TreeSource(ListedSource):
    """Images whose folders decide their class and split.

    Parameters
    ----------
    where
        Name of the dataset for messages.
    level
        Of folders inside folders, those that the user says are the classes.
    """

    layout = None
    in_order = False  # whether samples stay in the order of the entries; otherwise they are sorted by class and key

    def __init__(self, where: str, level: Level | None = None) -> None:
        self._where, self._level = where, level

    @abstractmethod
    def _entries(self) -> Iterator[Entry]:
        """All files, hidden ones too, in any order."""

    def _empty_folders(self, base: str, full: set[str]) -> list[str]:  # noqa: ARG002 - archives have none
        """Names of subfolders without files at any depth: those that are not in `full`."""
        return []

    @abstractmethod
    def text(self, path: str) -> bytes:
        """Content of a file that is no image."""

    @cached_property
    def _walked(self) -> tuple["Walked", pa.Table]:
        walked = Walked()
        return walked, pa.Table.from_batches(walked.images(self._entries()), IMAGES)

    @property
    def images(self) -> int:
        """Number of files with the extension of an image, whether they are read or not."""
        return len(self._walked[1])

    @property
    def others(self) -> list[str]:
        """Paths of files without the extension of an image, except hidden ones."""
        return sorted(self._walked[0].others)

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names in their natural order; and all images, train first, by class and key."""
        walked, images = self._walked
        counts = dict.fromkeys(walked.names, 0)
        for entry in images["folder"].value_counts().to_pylist():
            counts[walked.names[entry["values"]]] = entry["counts"]
        placed = place_folders(counts, self._where, self._level)
        report_places(self.findings, counts, placed.places)
        labels = {place.label for place in placed.places.values() if place.label is not None}
        for base in placed.bases:
            labels |= set(self._empty_folders(base, walked.full))
        classes = tuple(sorted(labels, key=natural))
        samples = _placed(images, [placed.places[name] for name in walked.names], classes)
        read: list[str] = []
        if classes and samples["class_id"].null_count:
            found = TextFiles({path for path in self.others if not placed.in_class(path)}, self.text)
            samples, read = with_labels(samples, classes, found, self.findings)
        walked.report(self.findings, read)
        return classes, train_first(samples, sort=not self.in_order)

    def report_beside(self, findings: Findings, read: Collection[str], *, images: bool = True) -> None:
        """Report all files beside a dataset in another format, except those that are read.

        Without `images`, images are left out: the dataset names some of them, and reports the others itself.
        """
        walked, beside = self._walked
        walked.report(findings, read)
        if images and len(beside):
            tally = Tally()
            tally.add(beside["key"][0].as_py(), len(beside))
            findings.ignore("images beside", tally, "image beside the files of the dataset")


IMAGES = pa.schema(
    {
        "key": pa.string(),
        "folder": pa.int32(),
        "offset": pa.int64(),
        "length": pa.int64(),
        "stamp": SAMPLES.field("stamp").type,
    }
)


def level_of(reading: Reading) -> Level | None:
    """Which of nested folders the user says are the classes."""
    return LEVELS.get(reading.format or "")


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name."""
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def report_places(findings: Findings, images: Mapping[str, int], places: Mapping[str, Place]) -> None:
    """Report images that are not read, and images whose class is not the folder that directly holds them."""
    tallies = {why: Tally() for why in WHY}
    inside = Tally()
    for folder, place in places.items():
        name = posixpath.basename(folder)
        if place.why:
            tallies[place.why].add(folder or "directly in the dataset", images[folder])
        elif place.label is not None and name not in place.label.split("/") and name.lower() not in HOLDERS:
            inside.add(folder, images[folder])
    for why, tally in tallies.items():
        findings.ignore(why, tally, WHY[why])
    if inside.count:
        text = (
            f"{counted(inside.count, 'image')} in folders inside a class folder belong to that class{inside.examples}."
        )
        text += " If those folders are the classes, pass --format inner-folders."
        findings.notes.append(Finding("nested folders", text, inside.count))


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


def _placed(images: pa.Table, places: Sequence[Place], classes: Sequence[str]) -> pa.Table:
    """Make samples (schema `SAMPLES`) of the images in folders that are read."""
    numbers = {name: number for number, name in enumerate(classes)}
    folder = images["folder"].combine_chunks()
    splits = pa.array([place.split for place in places], pa.string()).dictionary_encode().cast(SPLIT)
    ids = pa.array([None if place.label is None else numbers[place.label] for place in places], pa.int32())
    columns = {
        "class_id": ids.take(folder),
        "split": splits.take(folder),
        **{name: images[name] for name in ("key", "offset", "length", "stamp")},
    }
    read = pa.array([not place.why for place in places], pa.bool_()).take(folder)
    samples = pa.Table.from_arrays([columns[name] for name in SAMPLES.names], schema=SAMPLES).combine_chunks()
    return numbered(samples.filter(pc.fill_null(read, fill_value=False)))
