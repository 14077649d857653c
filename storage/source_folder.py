"""Folders of class folders: CLASS/image.jpg, or SPLIT/CLASS/image.jpg."""

import os
from functools import cached_property
from pathlib import Path

from PIL import Image

from storage.errors import BadImageError, InputError
from storage.images import SUFFIXES, open_image
from storage.source import Sample, in_split_order

SPLITS = frozenset({"train", "test", "val", "valid", "validation"})


class FolderSource:
    """Images below one folder a class; keys are paths relative to the dataset, with forward slashes.

    Raises
    ------
    InputError
        If the folder has no class folders, or mixes split folders with others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = _folders(folder)
        splits = [name for name in names if name in SPLITS]
        if splits and len(splits) < len(names):
            others = ", ".join(name for name in names if name not in SPLITS)
            raise InputError(
                f"{folder} has the split folders {', '.join(splits)} and beside them {others}; "
                "name the folder of one split, or move the others away."
            )
        # A dataset without splits is all there is to learn from.
        self._roots = {split: folder / split for split in splits} or {"train": folder}
        self.classes = tuple(sorted({name for root in self._roots.values() for name in _folders(root)}))
        if not self.classes:
            raise InputError(f"{folder} has no class folders; put the images of each class into a folder of its name.")

    @cached_property
    def _found(self) -> tuple[list[Sample], int]:
        samples: list[Sample] = []
        ignored = 0
        for split, root in self._roots.items():
            for class_id, name in enumerate(self.classes):
                for path in _files(root / name):
                    if path.suffix.lower() in SUFFIXES:
                        samples.append(Sample(_key(path.relative_to(self.folder)), class_id, split))
                    else:
                        ignored += 1
        return in_split_order(samples), ignored

    @property
    def ignored(self) -> int:
        """Files without the ending of an image format."""
        return self._found[1]

    def samples(self) -> list[Sample]:
        """All files with the ending of an image format, train first, by class and name."""
        return self._found[0]

    def read(self, key: str) -> bytes:
        """The file's bytes."""
        try:
            return (self.folder / key).read_bytes()
        except OSError as error:
            raise BadImageError("unreadable", str(error.strerror)) from None

    def image(self, payload: bytes) -> Image.Image:
        """Open any of the allowed image formats."""
        return open_image(payload)


def _key(path: Path) -> str:
    key = path.as_posix()
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"The file name {key!r} is not UTF-8 and could not be named in the results; rename it."
        ) from None
    return key


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__")))


def _files(folder: Path) -> list[Path]:
    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if not name.startswith(".")
    )
