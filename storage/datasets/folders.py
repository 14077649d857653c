"""The tree of the folders that hold images, on a disk, in a bucket or in an archive."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass
class Folder:
    """A folder in which images lie, at some depth."""

    name: str
    path: str
    images: int = 0
    inside: dict[str, "Folder"] = field(default_factory=dict)

    @cached_property
    def leaves(self) -> frozenset[str]:
        """Folders below this one that hold images themselves, by their path from here."""
        start = len(self.path) + 1 if self.path else 0
        return frozenset(folder.path[start:] for folder in self.walk() if folder.images and folder is not self)

    def walk(self) -> Iterator["Folder"]:
        """The folder itself and all below it."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting += folder.inside.values()

    @property
    def folders(self) -> list["Folder"]:
        """The folders directly inside, by name."""
        return [self.inside[name] for name in sorted(self.inside)]


def folder_tree(images: Mapping[str, int]) -> Folder:
    """Make a tree of the folders that contain images."""
    root = Folder("", "")
    for path in sorted(images):
        folder = root
        for name in path.split("/") if path else ():
            if name not in folder.inside:
                folder.inside[name] = Folder(name, f"{folder.path}/{name}" if folder.path else name)
            folder = folder.inside[name]
        folder.images = images[path]
    return root
