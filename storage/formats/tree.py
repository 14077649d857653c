"""Datasets with images in class folders, on a disk, in a bucket or in an archive."""

import posixpath
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Finding, Findings, Tally, counted
from storage.datasets.names import natural
from storage.datasets.placement import HOLDERS, Level, Place, place_folders
from storage.datasets.source import SAMPLES, ListedSource, numbered, train_first
from storage.formats.label_files import TextFiles, with_labels
from storage.formats.numbered_images import find_numbered
from storage.formats.walk import IMAGES, Entry, Walked
from storage.setting_groups import Reading
from storage.tables.schemas import SPLIT

FOLDERS, OUTER_FOLDERS, INNER_FOLDERS = "folders", "outer-folders", "inner-folders"
LEVELS: dict[str, Level] = {OUTER_FOLDERS: "outer", INNER_FOLDERS: "inner"}
WHY = {
    "loose images": "image outside the class folders",
    "images beside the splits": "image in folders beside those of the splits",
    "masks": "image in folders of masks",
    "copies": "image in folders that repeat the class folders beside them",
}


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
    def _walked(self) -> tuple[Walked, pa.Table]:
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
        if listed := find_numbered(self.others, self.text):
            classes, samples = listed.samples(walked, images, self.findings)
            return classes, train_first(samples, sort=not self.in_order)
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


def level_of(reading: Reading) -> Level | None:
    """Which of nested folders the user says are the classes."""
    return LEVELS.get(reading.format or "")


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
