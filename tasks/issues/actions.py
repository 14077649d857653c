"""Read what a person wrote into the column action of a list of issues, and apply it to the images of a dataset."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from storage.errors import InputError
from storage.tables.spreadsheet import ENCODING, read_rows
from tasks.issues.found import CONFLICT, WRONG_LABEL
from tasks.issues.spreadsheet import ACTION

KEEP, DROP, RELABEL = "keep", "drop", "relabel:"
ABOUT_LABELS = ("", WRONG_LABEL, CONFLICT)  # kinds of which `keep` says that the label is right; also without a kind


class Action(NamedTuple):
    """A row with an action.

    Attributes
    ----------
    place
        The row, for messages: row N of FILE.
    key
        Key of the image.
    action
        keep, drop, or relabel: and the name of a class.
    cells
        All cells of the row, by column.
    """

    place: str
    key: str
    action: str
    cells: Mapping[str, str]

    @property
    def label(self) -> str | None:
        """Name of the class to relabel with, or None."""
        return self.action.removeprefix(RELABEL) if self.action.startswith(RELABEL) else None


class Change(NamedTuple):
    """What becomes of an image: whether it stays, its new label (None: its old one), and the row that says so."""

    stays: bool
    label: str | None
    place: str


def read_actions(path: Path) -> list[Action]:
    """Read the rows of a list of issues that have an action.

    Raises
    ------
    InputError
        If the file cannot be read, is no such list, or has an unknown action.
    """
    try:
        with path.open(encoding=ENCODING, newline="") as file:
            return list(_actions(read_rows(file, ("key", ACTION), str(path)), path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _actions(rows: Iterator[Mapping[str, str]], path: Path) -> Iterator[Action]:
    for number, cells in enumerate(rows, 2):  # as a spreadsheet counts them, the header first
        action = cells[ACTION].strip()
        if not action:
            continue
        verb, colon, name = action.partition(":")
        known = f"{verb.strip().lower()}{colon}"
        place = f"Row {number} of {path}"
        if known not in {KEEP, DROP, RELABEL} or (known == RELABEL and not name.strip()):
            raise InputError(f"{place} has the action {action!r}; write keep, drop or relabel:CLASS.")
        yield Action(place, cells["key"], known + name.strip(), cells)


def changes(actions: Sequence[Action], classes: Sequence[str], labels: Mapping[str, str | None]) -> dict[str, Change]:
    """Find what becomes of each image with an action.

    Parameters
    ----------
    actions
        The rows.
    classes
        Names of the classes.
    labels
        Name of the class of each image of the dataset, by key; None without a label.

    Raises
    ------
    InputError
        If an image is not in the dataset, a class does not exist, or two rows contradict each other.
    """
    found: dict[str, Change] = {}
    for row in actions:
        if row.key not in labels:
            raise InputError(
                f"{row.place} names {row.key!r}, which the dataset does not have; a spreadsheet may have changed the "
                "name, or it is a list of another dataset."
            )
        if row.label is not None and row.label not in classes:
            raise InputError(f"{row.place} relabels with {row.label!r}; the classes are {', '.join(classes)}.")
        one, before = _change(row, labels[row.key]), found.get(row.key)
        found[row.key] = _both(before, one, row) if before else one
    return found


def _change(row: Action, label: str | None) -> Change:
    if row.label is not None:
        return Change(True, row.label, row.place)  # noqa: FBT003 - stays
    if row.action == KEEP and row.cells.get("kind", "") in ABOUT_LABELS:
        return Change(True, label, row.place)  # noqa: FBT003 - stays
    return Change(row.action == KEEP, None, row.place)


def _both(before: Change, one: Change, row: Action) -> Change:
    """What two rows say about one image."""
    labels = {label for label in (before.label, one.label) if label is not None}
    if before.stays != one.stays or len(labels) > 1:
        raise InputError(
            f"{row.place} contradicts {before.place[0].lower()}{before.place[1:]} about {row.key}; decide for one."
        )
    return Change(one.stays, next(iter(labels), None), before.place)
