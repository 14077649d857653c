"""Labels of splits without class folders, from text files that lie beside the images.

Files of one kind name images, each with one of the classes of the other splits (Tiny ImageNet's val_annotations.txt,
Kaggle's LOC_val_solution.csv). Files of the other kind have a label in each line for the images in the order of their
names (ILSVRC2012_validation_ground_truth.txt). A file is used only if all it says of these images is possible.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import pyarrow as pa

from storage.datasets.findings import Finding, Findings, counted
from storage.datasets.names import composed
from storage.datasets.splits import split_in, words_of
from storage.errors import InputError
from storage.formats.flat_split import FlatSplit, UnusedError
from storage.formats.text_rows import rows_of, stem

ENDINGS = (".txt", ".csv", ".tsv", ".json")
ORDERED = frozenset({"synset", "synsets", "label", "labels", "truth", "gt"})  # in names of files with a label a line
EXAMPLES = frozenset({"sample", "submission", "example"})  # in names of files whose labels are made up
KIND = "label files"


class TextFiles:
    """The text files of a dataset outside its class folders.

    Parameters
    ----------
    paths, read
        All other files, and a function that reads the content of one.
    """

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        self.paths = sorted(path for path in paths if _may_label(path))
        self.rows = cache(lambda path: rows_of(path, read))

    def of_split(self, split: str) -> list[str]:
        """Files that are called like a split, or lie in its folder, or do not name a split."""
        return [path for path in self.paths if split_in(path) in {split, None}]


def with_labels(
    samples: pa.Table, classes: Sequence[str], texts: TextFiles, findings: Findings
) -> tuple[pa.Table, list[str]]:
    """Give labels to images that have none, if a file has them.

    Parameters
    ----------
    samples, classes
        All samples, and the names of the classes of those with labels.
    texts
        Files that may hold labels.
    findings
        Receives which files were used, and why others that concern these images were not.

    Returns
    -------
    tuple of pyarrow.Table and list of str
        The samples in the same order, and the files that labels come from.

    Raises
    ------
    InputError
        If two files, or two rows of one, give different labels to an image.
    """
    ids, keys = samples["class_id"].to_pylist(), samples["key"].to_pylist()
    splits = samples["split"].cast(pa.string()).to_pylist()
    flat: dict[str, dict[int, str]] = {}
    for row, number in enumerate(ids):
        if number is None:
            flat.setdefault(splits[row], {})[row] = keys[row]
    names, numbers = Counter(map(stem, keys)), {composed(name): number for number, name in enumerate(classes)}
    read: list[str] = []
    for split, images in flat.items():
        found = _labels(FlatSplit(split, images, names, numbers), texts, findings)
        for row, (number, _) in found.items():
            ids[row] = number
        read += dict.fromkeys(path for _, path in found.values())
    place = samples.schema.get_field_index("class_id")
    return samples.set_column(place, "class_id", pa.array(ids, pa.int32())), read


def _labels(images: FlatSplit, texts: TextFiles, findings: Findings) -> dict[int, tuple[int, str]]:
    """Class and file of each image, by its row, as far as a file has them."""
    found: dict[int, tuple[int, str]] = {}
    for path in texts.of_split(images.split):
        try:
            labels = images.named(path, texts.rows(path), of_split=split_in(path) is not None)
            if not labels and ORDERED & set(words_of(posixpath.basename(path))):
                labels = images.in_order(path, texts.rows(path), [texts.rows(each) for each in texts.paths])
        except UnusedError as why:
            findings.notes.append(Finding(KIND, str(why), why.count))
            continue
        for row, number in labels.items():
            if found.setdefault(row, (number, path))[0] != number:
                raise InputError(
                    f"{found[row][1]} and {path} give different labels to {images.keys[row]}; remove one of them."
                )
        if labels:
            text = f"Labels of {counted(len(labels), 'image')} of the split {images.split} come from {path}."
            findings.notes.append(Finding(KIND, text, len(labels)))
    return found


def _may_label(path: str) -> bool:
    return path.lower().endswith(ENDINGS) and not EXAMPLES & set(words_of(posixpath.basename(path)))
