"""Write a dataset after its issues were acted on, as a list of images or as class folders of links.

The dataset itself is only read.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.files import unescaped, visible
from storage.datasets.source import Source
from storage.datasets.splits import TRAIN
from storage.errors import InputError
from storage.formats.open import address_of, list_source
from storage.formats.places import FILES, Places
from storage.settings import Settings
from storage.tables.digests import image_digest
from storage.tables.schemas import UNLABELLED
from tasks.issues.actions import DROP, KEEP, Action, Change, changes


class Image(NamedTuple):
    """An image of the new dataset: its file or URL, or its key if it is no file; its class or None; and its split."""

    path: str
    label: str | None
    split: str


class Stored(NamedTuple):
    """Where images lie that are no files: the dataset, and the samples of the new one (schema `SAMPLES`)."""

    source: Source
    samples: pa.Table


@dataclass(frozen=True)
class Fixed:
    """A dataset after its issues were acted on.

    Attributes
    ----------
    images
        Its images, in the order of the dataset.
    counts
        Number of images that were kept, dropped and relabelled.
    left_out
        Sentences on images that are not in it because a run does not read them.
    stored
        Where its images lie; None if they are files.
    """

    images: Sequence[Image]
    counts: Mapping[str, int]
    left_out: Sequence[str]
    stored: Stored | None = None


def fix(actions: Sequence[Action], source: str, settings: Settings) -> Fixed:
    """Apply actions to a dataset, without writing anything.

    Raises
    ------
    InputError
        If an image changed since the list was written, or an action is not possible.
    """
    found, listing = list_source(source, settings)
    files = found.format in FILES
    names = {**dict(enumerate(listing.classes)), UNLABELLED: None}
    samples = listing.samples
    labels = dict(zip(samples["key"].to_pylist(), map(names.get, samples["class_id"].to_pylist()), strict=True))
    changed = changes(actions, listing.classes, labels)
    _require_same_bytes(actions, found.source, samples)
    places = Places(address_of(source), found.format, settings.access)
    columns = [samples[name].to_pylist() for name in ("key", "length", "split")]
    images, staying = [], []
    for row, (key, length, split) in enumerate(zip(*columns, strict=True)):
        change = changed.get(key)
        if change is None or change.stays:
            path = places.of(key, length) if files else key
            images.append(Image(path, (change and change.label) or labels[key], split))
            staying.append(row)
    stored = None if files else Stored(found.source, samples.take(pa.array(staying, pa.int64())))
    ignored = [finding.text for finding in listing.findings.ignored]
    return Fixed(images, _counts(changed, labels), ignored, stored)


def _counts(changed: Mapping[str, Change], labels: Mapping[str, str | None]) -> dict[str, int]:
    kinds = Counter(
        DROP if not change.stays else "relabel" if change.label not in {None, labels[key]} else KEEP
        for key, change in changed.items()
    )
    return {kind: kinds[kind] for kind in (KEEP, "relabel", DROP)}


def _require_same_bytes(actions: Sequence[Action], source: Source, samples: pa.Table) -> None:
    """Refuse actions on images that are not those that were looked at."""
    wanted = {row.key: row for row in actions if row.cells.get("digest")}
    mine = samples.filter(pc.is_in(samples["key"], value_set=pa.array(list(wanted), pa.string())))
    for key, payload in zip(mine["key"].to_pylist(), source.read(mine), strict=True):
        if image_digest(payload).hex() != wanted[key].cells["digest"]:
            raise InputError(
                f"{wanted[key].place} is about other bytes than {key} has now; run on the dataset again to get a new "
                "list."
            )


def write_list(fixed: Fixed, target: Path, root: str) -> None:
    """Write a CSV list with the columns path, label and split; paths below `root` are relative to it.

    Raises
    ------
    InputError
        If the images are no files, or the list exists or cannot be written.
    """
    if fixed.stored is not None:
        raise InputError(f"The images are no files that a list could name; write them out: --to {target.stem}.")
    try:
        with target.open("x", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, quoting=csv.QUOTE_ALL)
            rows.writerow(["path", "label", "split"])
            rows.writerows((_below(path, root), label or "", split) for path, label, split in fixed.images)
    except OSError as error:
        raise InputError(f"The list {target} cannot be written: {error.strerror}.") from None


def _below(path: str, root: str) -> str:
    return path.removeprefix(f"{root.rstrip('/')}/")


def link_folders(images: Sequence[Image], target: Path) -> list[Path]:
    """Make class folders of symbolic links to images, below folders of splits unless all are of `train`.

    Returns
    -------
    list of Path
        Link of each image.

    Raises
    ------
    InputError
        If the folder holds something, an image is at a URL, or a class cannot name a folder.
    """
    require_folders(images, f"write a list instead: --to {target}.csv")
    if any("://" in image.path for image in images):
        raise InputError(f"Images at URLs cannot be linked; write a list instead: --to {target}.csv.")
    places = places_in(images, target)
    try:
        require_empty(target)
        for image, place in zip(images, places, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(unescaped(image.path))
    except OSError as error:
        raise InputError(f"The folder {target} cannot be written: {error.strerror}.") from None
    return places


def require_folders(images: Sequence[Image], advice: str) -> None:
    """Refuse classes and splits that cannot name a folder, with advice; raises InputError."""
    folders = {name for image in images for name in (image.label, image.split)}
    for name in sorted(str(name) for name in folders if name is None or "/" in name or not visible(name)):
        what = "Images without a label" if name == "None" else f"Images of {name!r}"
        raise InputError(f"{what} cannot be in a folder of that name; {advice}.")


def require_empty(target: Path) -> None:
    """Refuse a folder that holds something; raises InputError, or OSError if it cannot be read."""
    if target.exists() and any(target.iterdir()):
        raise InputError(f"The folder {target} is not empty; give a new one.")


def places_in(images: Sequence[Image], target: Path) -> list[Path]:
    """Return the place of each image in class folders; if its name is taken there, a number comes before the ending."""
    split = {image.split for image in images} != {TRAIN}
    found: dict[Path, int] = {}

    def moved(number: int) -> bool:
        return images[number].label not in PurePosixPath(images[number].path).parts[:-1]

    for row in sorted(range(len(images)), key=moved):
        image, name = images[row], PurePosixPath(images[row].path)
        folder = target / image.split / str(image.label) if split else target / str(image.label)
        place, number = folder / name.name, 2
        while place in found:
            place, number = folder / f"{name.stem}-{number}{name.suffix}", number + 1
        found[place] = row
    return sorted(found, key=found.__getitem__)
