"""The text files of CUB-200-2011 and NABirds, which number images and give the class and split of each number.

`images.txt` has a number and a path in each line, `image_class_labels.txt` a number and a class, `classes.txt` a class
and its name, and `train_test_split.txt` a number and 1 for training or 0. One of the second and the last must be there.
"""

import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from storage.datasets.findings import Finding, Findings, Tally, counted
from storage.datasets.names import composed, natural
from storage.datasets.source import numbered, to_samples
from storage.datasets.splits import TEST, TRAIN
from storage.errors import InputError
from storage.formats.walk import Walked

IMAGES, LABELS, CLASSES, SPLITS = "images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt"
SPLIT_OF = {"1": TRAIN, "0": TEST}
Read = Callable[[str], bytes]


@dataclass(frozen=True)
class NumberedImages:
    """Class and split of images.

    Attributes
    ----------
    files
        The text files.
    base
        Folder of these files.
    labels, splits
        Class, which is the image's folder if no file gives one, and split of each image, by its path in `images.txt`.
    """

    files: list[str]
    base: str
    labels: dict[str, str]
    splits: dict[str, str]

    def samples(self, walked: Walked, images: pa.Table, findings: Findings) -> tuple[tuple[str, ...], pa.Table]:
        """Classes and samples of the images that the files name; others are reported, and names without an image."""
        keys, folders = images["key"].to_pylist(), images["folder"].to_pylist()
        rows: dict[int, str] = {}
        others, files = Tally(), self._files_of()
        for row, (key, folder) in enumerate(zip(keys, folders, strict=True)):
            path = posixpath.join(walked.names[folder], posixpath.basename(key))
            if path in files:
                rows[row] = files[path]
            else:
                others.add(path)
        self._report(len(rows), others, findings)
        walked.report(findings, self.files)
        labels = [composed(self.labels[name]) for name in rows.values()]
        classes = tuple(sorted(set(labels), key=natural))
        number = {name: place for place, name in enumerate(classes)}
        some = images.take(pa.array(rows, pa.int64())).combine_chunks()
        columns = {name: some[name].combine_chunks() for name in ("key", "offset", "length", "stamp")} | {
            "class_id": [number[label] for label in labels],
            "split": [self.splits[name] for name in rows.values()],
        }
        return classes, numbered(to_samples([columns]))

    def _files_of(self) -> dict[str, str]:
        """Name of each image in `images.txt` by the paths that it may have."""
        folders = (self.base, posixpath.join(self.base, "images"))
        return {posixpath.join(folder, name): name for folder in folders for name in self.labels}

    def _report(self, found: int, others: Tally, findings: Findings) -> None:
        first = self.files[0]
        findings.ignore("unlisted images", others, f"image that {first} does not name")
        if missing := len(self.labels) - found:
            text = f"{first} names {counted(missing, 'image')} that cannot be found."
            findings.warnings.append(Finding("missing images", text, missing))
        text = f"Classes and splits of {counted(found, 'image')} come from {', '.join(self.files)}."
        findings.notes.append(Finding("label files", text, found))


def find_numbered(others: Collection[str], read: Read) -> NumberedImages | None:
    """Images that such files number, if there are such files.

    Parameters
    ----------
    others, read
        Paths of the files that are no images, and a function that reads one.

    Raises
    ------
    InputError
        If a file lacks an image or a class that another file names.
    """
    every = frozenset(others)
    for path in (path for path in others if posixpath.basename(path) == IMAGES):
        base = posixpath.dirname(path)
        beside = {name: posixpath.join(base, name) for name in (LABELS, SPLITS, CLASSES)}
        here = {name: file for name, file in beside.items() if file in every}
        if {LABELS, SPLITS} & here.keys():
            tables = {name: _table(file, read) for name, file in here.items()}
            paths = _table(path, read)
            return NumberedImages(
                [path, *here.values()], base, _labels(paths, tables, here), _splits(paths, tables, here)
            )
    return None


def _labels(
    paths: Mapping[str, str], tables: Mapping[str, Mapping[str, str]], files: Mapping[str, str]
) -> dict[str, str]:
    if LABELS not in tables:
        return {path: posixpath.basename(posixpath.dirname(path)) for path in paths.values()}
    labels = {path: _get(tables[LABELS], number, files[LABELS]) for number, path in paths.items()}
    if CLASSES in tables:
        return {path: _get(tables[CLASSES], label, files[CLASSES]) for path, label in labels.items()}
    return labels


def _splits(
    paths: Mapping[str, str], tables: Mapping[str, Mapping[str, str]], files: Mapping[str, str]
) -> dict[str, str]:
    if SPLITS not in tables:
        return dict.fromkeys(paths.values(), TRAIN)
    flags = {path: _get(tables[SPLITS], number, files[SPLITS]) for number, path in paths.items()}
    for path, flag in flags.items():
        if flag not in SPLIT_OF:
            raise InputError(f"{files[SPLITS]} gives {flag!r} for {path}; 1 stands for training and 0 for testing.")
    return {path: SPLIT_OF[flag] for path, flag in flags.items()}


def _get(table: Mapping[str, str], number: str, file: str) -> str:
    if number not in table:
        raise InputError(f"{file} has no line for {number}, which a file beside it names. Get the files again.")
    return table[number]


def _table(path: str, read: Read) -> dict[str, str]:
    """The lines of a file: what is before the first blank, and the rest."""
    try:
        lines = read(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path} cannot be read: {error}. Get it again.") from None
    cells = (line.split(None, 1) for line in lines if line.strip())
    return {first: rest[0].strip() if rest else "" for first, *rest in cells}
