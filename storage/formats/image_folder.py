"""Hugging Face's imagefolder: images beside a file metadata.csv, .jsonl or .parquet that gives their labels.

The layout: https://huggingface.co/docs/datasets/image_dataset. Each split may be a folder with a file of its own.
"""

import posixpath
from collections.abc import Sequence
from functools import cached_property

import pyarrow as pa

from storage.datasets.files import Files, visible
from storage.datasets.findings import Tally
from storage.datasets.source import Source
from storage.formats.list import ListSource
from storage.pixels.images import SUFFIXES
from storage.setting_groups import Reading

NAMES = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return posixpath.basename(name) in NAMES


def find_image_folder(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset of files with the metadata of images."""
    return ImageFolderSource(files, names, reading)


class ImageFolderSource(ListSource):
    """Images that metadata files name; other images beside them are counted."""

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        classes, samples = super()._listed
        named, others = set(samples["key"].to_pylist()), Tally()
        for path, _ in self._files.walk():
            is_image = posixpath.splitext(path)[1].lower() in SUFFIXES and all(map(visible, path.split("/")))
            if is_image and path not in named:
                others.add(path)
        self.findings.ignore("closed folders", self._files.closed, "folder whose content may not be read")
        self.findings.ignore("unlisted images", others, "image that no metadata file names")
        return classes, samples
