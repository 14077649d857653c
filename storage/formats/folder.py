"""Class folders: CLASS/image.jpg, SPLIT/CLASS/image.jpg, and other arrangements of image folders."""

from collections.abc import Iterator

import pyarrow as pa

from storage.datasets.files import Files
from storage.datasets.findings import Finding, counted
from storage.datasets.placement import Level
from storage.errors import BadImageError
from storage.formats.tree import TreeSource
from storage.formats.walk import Entry


class FolderSource(TreeSource):
    """Images in class folders; keys are paths relative to the dataset, with forward slashes.

    Parameters
    ----------
    files
        The files.
    level
        Of folders inside folders, those that the user says are the classes.
    """

    def __init__(self, files: Files, level: Level | None = None) -> None:
        super().__init__(str(files), level)
        self._files = files

    def _entries(self) -> Iterator[Entry]:
        for path, stamp in self._files.walk():
            yield Entry(path, path, None, None, stamp)
        self.findings.ignore("closed folders", self._files.closed, "folder whose content may not be read")
        links = self._files.links
        if links.count:
            text = f"Followed {counted(links.count, 'link')} to files and folders{links.examples}."
            self.findings.notes.append(Finding("followed links", text, links.count))

    def text(self, path: str) -> bytes:
        """Content of a file that is no image."""
        return self._files.read(path)

    def _empty_folders(self, base: str, full: set[str]) -> list[str]:
        return [name for name in self._files.folders(base) if (f"{base}/{name}" if base else name) not in full]

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each file."""
        return self._files.read_many(samples["key"].to_pylist())
