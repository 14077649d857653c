"""A split whose images lie in no class folders, and what the rows of a file say about the classes of its images."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from storage.datasets.findings import counted
from storage.datasets.names import composed, natural
from storage.errors import InputError
from storage.formats.text_rows import Row, stem

NUMBER = re.compile(r"[0-9]+")


class UnusedError(Exception):
    """A file concerns images of the split but cannot label them; the message says why."""

    def __init__(self, why: str, count: int) -> None:
        super().__init__(why)
        self.count = count


class FlatSplit:
    """Images of a split without labels.

    Parameters
    ----------
    split, keys
        The split, and the key of each of its images by its row in the dataset.
    names
        How many images of the dataset have each name.
    numbers
        The classes by name, each with its number.
    """

    def __init__(self, split: str, keys: Mapping[int, str], names: Counter[str], numbers: Mapping[str, int]) -> None:
        self.split, self.keys = split, keys
        self._names, self._numbers = names, numbers
        own = Counter(map(stem, keys.values()))
        self._rows = {stem(key): row for row, key in keys.items() if own[stem(key)] == 1}

    def named(self, path: str, table: Sequence[Row], *, of_split: bool) -> dict[int, int]:
        """Class of images, by row, from a file that names each with its class; empty if it names none.

        Parameters
        ----------
        path, table
            The file, for messages, and its rows.
        of_split
            Whether the file belongs to this split, so that a name without a folder means an image of this split.

        Raises
        ------
        UnusedError
            If no column, or more than one, holds classes.
        InputError
            If it gives two classes to an image.
        """
        width = max(map(len, table), default=0)
        columns = [self._named_in(table, place, of_split=of_split) for place in range(width)]
        rows = max(columns, key=len, default=[])
        if not rows:
            return {}
        possible = [
            labels
            for place in range(width)
            if columns[place] is not rows and (labels := self._labels(path, rows, place)) is not None
        ]
        if possible and all(labels == possible[0] for labels in possible):
            return possible[0]
        why = "more than one column holds classes" if possible else "no column holds their classes"
        few = counted(len(rows), "image")
        raise UnusedError(f"{path} names {few} of the split {self.split} without a label, but {why}.", len(rows))

    def _named_in(self, table: Iterable[Row], place: int, *, of_split: bool) -> list[tuple[int, Row]]:
        """The images that a column names, each with the whole row."""
        rows = ((self._row(cells[place], of_split=of_split), cells) for cells in table if len(cells) > place)
        return [(row, cells) for row, cells in rows if row is not None]

    def _row(self, cell: str, *, of_split: bool) -> int | None:
        """Row of the image that a cell names by its path, or only by its name if no other image may be meant."""
        path = cell.replace("\\", "/").removeprefix("./")
        row = self._rows.get(stem(path))
        if row is None:
            return None
        parts, key = ([*each.split("/")[:-1], stem(each)] for each in (path, self.keys[row]))
        same = all(one == other for one, other in zip(reversed(parts), reversed(key), strict=False))
        return row if same and (of_split or len(parts) > 1 or self._names[parts[-1]] == 1) else None

    def _labels(self, path: str, rows: Iterable[tuple[int, Row]], place: int) -> dict[int, int] | None:
        """Class of each image from one column; None if a cell of it is no class."""
        found: dict[int, int] = {}
        for row, cells in rows:
            number = self._class(cells[place]) if len(cells) > place else None
            if number is None:
                return None
            if found.setdefault(row, number) != number:
                raise InputError(f"{path} gives different labels to {self.keys[row]}; remove all rows of it but one.")
        return found

    def _class(self, cell: str) -> int | None:
        """The class that a cell names, alone or before a blank."""
        name = composed(cell.strip())
        return self._numbers.get(name, self._numbers.get(name.split(" ", 1)[0]))

    def in_order(self, path: str, table: Sequence[Row], others: Iterable[Sequence[Row]]) -> dict[int, int]:
        """Class of each image, by row, from a file with one label for each in the order of their names; or empty.

        Parameters
        ----------
        path, table
            The file, for messages, and its rows.
        others
            Rows of files that may say which class has which number.

        Raises
        ------
        UnusedError
            If the labels are numbers of classes in an unknown order.
        """
        cells = [cells[0] for cells in table if len(cells) == 1]
        order = sorted(self.keys, key=lambda row: self.keys[row])
        is_list_of_classes = len(set(cells)) == len(cells) == len(self._numbers)
        if not len(cells) == len(table) == len(order) or is_list_of_classes:
            return {}
        if order != sorted(self.keys, key=lambda row: natural(self.keys[row])):
            return {}
        found = [self._class(cell) for cell in cells]
        if None in found and all(map(NUMBER.fullmatch, cells)):
            known = next(filter(None, map(self._given, others)), {})
            found = [known.get(int(cell)) for cell in cells]
            if None in found:
                raise UnusedError(
                    f"{path} numbers the classes of {counted(len(cells), 'image')} in an order that no file here "
                    "gives. Put a file beside it with a class and its number in each line, such as map_clsloc.txt.",
                    len(cells),
                )
        labels = {row: number for row, number in zip(order, found, strict=True) if number is not None}
        return labels if len(labels) == len(order) else {}

    def _given(self, table: Sequence[Row]) -> dict[int, int]:
        """Classes by number, from rows with the name of a class and its number; empty if some class has none."""
        rows = [cells for cells in table if len(cells) > 1 and NUMBER.fullmatch(cells[1])]
        given = {int(cells[1]): number for cells in rows if (number := self._numbers.get(cells[0])) is not None}
        all_differ = len({int(cells[1]) for cells in rows}) == len(rows)
        return given if all_differ and set(given.values()) == set(self._numbers.values()) else {}
