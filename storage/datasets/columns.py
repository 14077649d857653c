"""Find the columns of paths, labels and splits in a table: the user's choice, or columns with usual names."""

import re
from collections.abc import Collection, Iterable, Sequence

from storage.datasets.findings import Finding
from storage.errors import InputError

# Without case, blanks and punctuation; the first that a table has is taken.
PATH_WORDS = (
    *("path", "filepath", "imagepath", "imgpath", "filename", "imagefilename", "imagefile", "file", "imagename"),
    *("image", "img", "imgname", "imageid", "imgid", "photo", "picture", "uri", "url", "imageurl", "id"),
)
LABEL_WORDS = (
    *("label", "labels", "labelname", "class", "classname", "classes", "category", "categoryname", "target", "targets"),
    *("y", "breed", "species", "emotion", "expression", "diagnosis", "dx", "variety", "genre", "style"),
    *("labelid", "classid", "categoryid"),
)
SPLIT_WORDS = ("split", "set", "subset", "partition", "usage", "fold")
OTHER = re.compile(r"[\W_]+")


def plain(name: str) -> str:
    """A column's name without case, blanks and punctuation."""
    return OTHER.sub("", name).lower()


def usual(names: Iterable[str], words: Sequence[str]) -> list[str]:
    """Columns with a usual name, in the order of those names."""
    found = [name for name in names if plain(name) in words]
    return sorted(found, key=lambda name: words.index(plain(name)))


def given(names: Collection[str], wanted: str, where: str) -> str:
    """The column that the user named, in any case of letters.

    Raises
    ------
    InputError
        If there is none.
    """
    for name in names:
        if name == wanted:
            return name
    for name in names:
        if plain(name) == plain(wanted):
            return name
    raise InputError(f"{where} has no column {wanted}; it has {shown(names)}.")


def require_once(names: Sequence[str], where: str) -> None:
    """Refuse a table that names a column more than once.

    Raises
    ------
    InputError
        Naming the column.
    """
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where} has more than one column called {name!r}; rename all but one of them.")


def label_column(names: Sequence[str], wanted: str | None, where: str) -> tuple[str, Finding | None]:
    """Find the column of labels among those without paths and splits, and give the reason if it is not obvious.

    Raises
    ------
    InputError
        If nothing says which it is.
    """
    if wanted is not None:
        return given(names, wanted, where), None
    found = usual(names, LABEL_WORDS)
    if len(found) == 1:
        return found[0], None
    if found:
        why = f"also has {shown(found[1:])}"
    elif len(names) == 1:
        found, why = list(names), "has no other column"
    else:
        example = f", for example --label-column {names[-1]}" if names else ""
        raise InputError(
            f"No label column found in {where}: its columns beside the paths are {shown(names)}. Pass --label-column"
            f"{example}."
        )
    text = f"Labels come from the column {found[0]} of {where}, which {why}. Pass --label-column to choose another."
    return found[0], Finding("label column", text, len(names))


def shown(names: Iterable[str]) -> str:
    """Names of columns for a sentence."""
    return ", ".join(names) or "none"
