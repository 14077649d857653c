"""Split and class of each folder of images, decided from the names of the folders alone.

A folder is a path with forward slashes, and its images are only counted. So the same rules apply to files on a disk,
objects in a bucket and members of an archive.
"""

import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from storage.datasets.findings import named
from storage.datasets.folders import Folder, folder_tree
from storage.datasets.splits import TRAIN, in_order, split_named, words_of
from storage.errors import InputError

# Names of folders between a class and its images, and of folders whose images describe other images.
HOLDERS = frozenset({"image", "images", "imgs", "img", "jpg", "jpeg", "jpegs", "png", "pngs", "pictures", "photos"})
DESCRIBING = frozenset({"mask", "masks", "segmentation", "segmentations", "annotations", "annotation", "trimaps"})
ASIDE = frozenset({"old", "backup", "backups", "bak", "archive", "trash", "deleted", "tmp", "temp", "copy"})
NO_CLASS = frozenset({"test", "testing", "val", "validation"})  # never the names of classes, unlike train

Level = Literal["outer", "inner"]  # which of nested folders are the classes, if the user said so
Why = Literal["", "loose images", "images beside the splits", "masks", "copies"]


class Place(NamedTuple):
    """Split and class of the images directly in a folder.

    Attributes
    ----------
    split, label
        Their split and class; None if they have no label.
    why
        Reason why they are not read; empty if they are read.
    """

    split: str
    label: str | None
    why: Why = ""


class Placement(NamedTuple):
    """Split and class of all images.

    Attributes
    ----------
    places
        Place of the images in each folder.
    bases
        Folders whose subfolders are classes.
    """

    places: dict[str, Place]
    bases: list[str]

    def in_class(self, path: str) -> bool:
        """Whether a file is in a class folder."""
        folder = posixpath.dirname(path)
        while folder and folder not in self.places:
            folder = posixpath.dirname(folder)
        return folder in self.places and self.places[folder].label is not None


def place_folders(images: Mapping[str, int], where: str, level: Level | None = None) -> Placement:
    """Decide split and class of the images in each folder.

    Parameters
    ----------
    images
        Number of images directly in each folder; the outermost folder is the empty path.
    where
        Name of the dataset for messages.
    level
        Of folders inside folders, those that the user says are the classes.

    Raises
    ------
    InputError
        If the folders can be read in two ways; the sentence names both.
    """
    root, made = folder_tree(images), Placement({}, [])
    outermost = _inner(root)
    if level == "outer" and not all(split_named(each.name) and each.inside for each in outermost.folders):
        _place_classes(outermost, TRAIN, made)
        return _whole(images, made, "loose images")
    base = _base(root, where)
    splits = _splits(base, where)
    inner = {} if splits else _inner_splits(base)
    if splits:
        for split, folders in _by_split(splits).items():
            known = {place.label for place in made.places.values() if place.label is not None}
            for folder in folders:
                _place_group(_inner(folder, known), split, made, where, level)
        _unlabel_unknown(made.places)
    elif inner:
        for folder in base.folders:
            for part in folder.folders:
                _put(part, inner[part.name], folder.name, made.places)
    else:
        _place_group(base, TRAIN, made, where, level)
    return _whole(images, made, "images beside the splits" if splits else "loose images")


def _whole(images: Mapping[str, int], made: Placement, outside: Why) -> Placement:
    """A placement of all folders, those outside what is read too."""
    return Placement({path: made.places.get(path) or Place(TRAIN, None, outside) for path in images}, made.bases)


def _base(root: Folder, where: str) -> Folder:
    """The folder whose folders are splits or classes: the outermost one that holds more than a single folder."""
    folder = _inner(root)
    if _splits(folder, where):
        return folder
    below = [inner for inner in _topmost(folder, where) if inner is not folder]
    if len(below) > 1:
        names = named([inner.path for inner in below])
        raise InputError(f"{where} holds {len(below)} datasets with splits of their own: {names}. Give one of them.")
    return below[0] if below else folder


def _topmost(folder: Folder, where: str) -> Iterator[Folder]:
    """Folders whose folders are splits of class folders, none of them inside another."""
    waiting = [folder]
    while waiting:
        each = waiting.pop(0)
        if any(inner.inside for inner in _splits(each, where).values()):
            yield each
        else:
            waiting += each.folders


def _inner(folder: Folder, known: Collection[str] = ()) -> Folder:
    """The folder itself, or its only subfolder if that merely wraps other folders and is not a known class."""
    while not folder.images:
        inside = [inner for name, inner in folder.inside.items() if not _describes(name, folder)]
        if len(inside) != 1 or not inside[0].inside or _holders(inside[0].inside) or inside[0].name in known:
            break
        if split_named(inside[0].name) and not split_named(folder.name):
            break
        folder = inside[0]
    return folder


def _holders(names: Mapping[str, Folder]) -> bool:
    """Whether folders are not classes but hold a class's images and the masks of those."""
    lower = {name.lower() for name in names}
    return bool(lower & HOLDERS) and lower <= HOLDERS | DESCRIBING


def _splits(folder: Folder, where: str) -> dict[str, Folder]:
    """The subfolders that are splits, by name; empty if they may be classes with such names."""
    like = {name: inner for name, inner in folder.inside.items() if split_named(name)}
    others = [inner for name, inner in folder.inside.items() if name not in like]
    deep = [inner for inner in like.values() if inner.inside and not _holders(inner.inside)]
    if not like or not others:
        return like
    if not deep:
        alike = any(other.leaves == inner.leaves for other in others for inner in like.values())
        if alike and len(others) > 1 and (held := [name for name in like if name.lower() in NO_CLASS]):
            raise InputError(_either(where, folder, held[0]))
        return {} if alike else like
    same = [other for other in others if other.leaves == deep[0].leaves and not _aside(other)]
    if same and len(like) == 1:
        raise InputError(_either(where, folder, deep[0].name))
    return like


def _either(where: str, folder: Folder, name: str) -> str:
    path = folder.inside[name].path
    return (
        f"{where} can be read in two ways: it holds {named(sorted(folder.inside))}, which are alike. If {name} is a "
        f"class, pass --format outer-folders; if it is a split, move it away or give {path} alone."
    )


def _by_split(splits: Mapping[str, Folder]) -> dict[str, list[Folder]]:
    """Folders of each split, train first."""
    found: dict[str, list[Folder]] = {}
    for name in sorted(splits):
        found.setdefault(split_named(name) or name, []).append(splits[name])
    return {split: found[split] for split in sorted(found, key=in_order)}


def _place_group(folder: Folder, split: str, made: Placement, where: str, level: Level | None) -> None:
    """Place the images of a split: its folders are classes; without folders its images have no labels."""
    if not folder.inside or (_holders(folder.inside) and not any(inner.inside for inner in folder.folders)):
        for inner in folder.walk():
            described = inner is not folder and _describes(inner.name, folder)
            made.places[inner.path] = Place(split, None, "masks" if described else "")
    elif level == "inner":
        _place_inner(folder, split, made)
    else:
        if level is None:
            _refuse_two_readings(folder, where)
        _place_classes(folder, split, made)


def _place_inner(base: Folder, split: str, made: Placement) -> None:
    """Place images by the folders that hold them; a class is called by its path below the outermost folder."""
    made.places[base.path] = Place(split, None, "loose images")
    for outer in base.folders:
        for folder in outer.walk():
            parts = folder.path[len(outer.path) + 1 :].split("/")
            described = any(part.lower() in DESCRIBING for part in parts)
            while parts and parts[-1].lower() in HOLDERS:
                parts.pop()
            name = "/".join(parts) or outer.name
            made.places[folder.path] = Place(split, None, "masks") if described else Place(split, name)


def _place_classes(base: Folder, split: str, made: Placement) -> None:
    made.bases.append(base.path)
    made.places[base.path] = Place(split, None, "loose images")
    for folder in base.folders:
        copied = set(folder.inside) & set(base.inside) - {folder.name}
        copies = len(copied) > 1 or (copied and _aside(folder))
        if copies or _describes(folder.name, base):
            why: Why = "copies" if copies else "masks"
            made.places.update((inner.path, Place(split, None, why)) for inner in folder.walk())
        else:
            _put(folder, split, folder.name, made.places)


def _put(folder: Folder, split: str, label: str, placed: dict[str, Place]) -> None:
    """Place a class folder and all folders in it, except masks beside images."""
    placed[folder.path] = Place(split, label)
    for name, inner in folder.inside.items():
        place = Place(split, None, "masks") if _describes(name, folder) else Place(split, label)
        placed.update((each.path, place) for each in inner.walk())


def _describes(name: str, folder: Folder) -> bool:
    """Whether a folder in another holds masks of the images beside it."""
    return name.lower() in DESCRIBING and _holders(folder.inside)


def _aside(folder: Folder) -> bool:
    return bool(set(words_of(folder.name)) & ASIDE)


def _unlabel_unknown(placed: dict[str, Place]) -> None:
    """Remove the labels of a split whose only folder is not a class of the training split, as in test/unknown/1.png."""
    classes: dict[str, set[str]] = {}
    for place in placed.values():
        if place.label is not None:
            classes.setdefault(place.split, set()).add(place.label)
    known = classes.get(TRAIN, set())
    for split, labels in classes.items():
        if split != TRAIN and len(known) > 1 and len(labels) == 1 and not labels & known:
            for path, place in placed.items():
                if place.split == split and place.label in labels:
                    placed[path] = Place(split, None)


def _inner_splits(base: Folder) -> dict[str, str]:
    """Splits by folder name if each class holds splits, as in cat/train/1.png; otherwise empty."""
    names = {name for folder in base.inside.values() for name in folder.inside}
    named = {name: split for name in names if (split := split_named(name))}
    everywhere = all(folder.inside and not folder.images for folder in base.inside.values())
    flat = not any(part.inside for folder in base.inside.values() for part in folder.inside.values())
    return named if len(base.inside) > 1 and names and len(named) == len(names) and everywhere and flat else {}


def _refuse_two_readings(base: Folder, where: str) -> None:
    """Refuse folders that hold nothing but folders, or folders of the same names, since either may be the classes.

    Raises
    ------
    InputError
        If so; the message names both readings.
    """
    every = [folder for folder in base.folders if not _describes(folder.name, base)]
    holding = [folder for folder in every if folder.inside and not _holders(folder.inside)]
    counts = Counter(leaf for folder in holding for leaf in folder.leaves)
    shared = sorted(leaf for leaf, count in counts.items() if count > 1)
    only = len(holding) == len(every) > 1 and not any(folder.images for folder in every)
    if len(shared) > 1:  # a single shared name may be a part of each class
        outer = [folder.path for folder in holding if folder.leaves & set(shared)]
        what = f"{named(outer)} hold the same folders {named(shared)}"
    elif only and not shared and len(counts) > len(holding):
        what = f"{named([folder.path for folder in holding])} hold only folders, such as {named(sorted(counts))}"
    else:
        return
    raise InputError(
        f"{where} can be read in two ways: {what}. If the outer folders are the classes, pass --format outer-folders; "
        "if the inner ones are, pass --format inner-folders. If the outer ones are splits, call them train and test."
    )
