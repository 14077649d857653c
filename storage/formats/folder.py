"""Folders of class folders: CLASS/image.jpg, or SPLIT/CLASS/image.jpg."""

import posixpath
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import pyarrow as pa

from storage.datasets.files import Files
from storage.datasets.source import LISTED_AT_ONCE, to_samples, train_first
from storage.errors import BadImageError, InputError
from storage.pixels.images import SUFFIXES

SPLITS = frozenset({"train", "test", "val", "valid", "validation"})


class FolderSource:
    """Images below one folder a class; keys are paths relative to the dataset, with forward slashes.

    Raises
    ------
    InputError
        If the folder has no class folders, or mixes split folders with others.
    """

    layout = None

    def __init__(self, files: Files) -> None:
        self._files = files
        self._ignored = 0
        names = files.folders()
        splits = [name for name in names if name in SPLITS]
        if splits and len(splits) < len(names):
            others = ", ".join(name for name in names if name not in SPLITS)
            raise InputError(
                f"{files} has the split folders {', '.join(splits)} and beside them {others}; "
                "name the folder of one split, or move the others away."
            )
        # A dataset without splits is all there is to learn from.
        self._roots = {split: f"{split}/" for split in splits} or {"train": ""}
        self.classes = tuple(sorted({name for root in self._roots.values() for name in files.folders(root)}))
        if not self.classes:
            raise InputError(f"{files} has no class folders; put the images of each class into a folder of its name.")

    @property
    def ignored(self) -> int:
        """Files without the ending of an image format."""
        self.samples()
        return self._ignored

    def samples(self) -> pa.Table:
        """All files with the ending of an image format, train first, by class and name."""
        return self._samples

    @cached_property
    def _samples(self) -> pa.Table:
        return train_first(to_samples(self._batches()), sort=True)

    def _batches(self) -> Iterator[dict[str, Any]]:
        for split, root in self._roots.items():
            present = set(self._files.folders(root))
            for class_id, name in enumerate(self.classes):
                images = self._images(root + name) if name in present else iter(())
                while some := list(islice(images, LISTED_AT_ONCE)):
                    keys, stamps = zip(*some, strict=True)
                    yield {"key": keys, "class_id": pa.repeat(class_id, len(keys)), "split": split, "stamp": stamps}

    def _images(self, folder: str) -> Iterator[tuple[str, bytes | None]]:
        for path, stamp in self._files.walk(folder):
            if posixpath.splitext(path)[1].lower() in SUFFIXES:
                yield path, stamp
            else:
                self._ignored += 1

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each file."""
        return self._files.read_many(samples["key"].to_pylist())
