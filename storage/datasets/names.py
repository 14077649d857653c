"""Names of classes: one spelling for the same characters, natural order of numbers, and groups of similar names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

NUMBER = re.compile(r"([0-9]+)")


def composed(name: str) -> str:
    """A name with its accents composed (Unicode's form NFC), which macOS writes decomposed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that compares the numbers in names as numbers: 2 before 10, and 1 before 01."""
    parts = [part for part in NUMBER.split(name) if part]
    return [(0, int(part), "") if NUMBER.fullmatch(part) else (1, 0, part) for part in parts], name


def likeness(name: str) -> str:
    """A name without differences in case, repeated blanks, and spellings of the same character."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of two or more different names with the same likeness, in their order."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[likeness(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def joined(names: Sequence[str], images: Mapping[str, int]) -> dict[str, str]:
    """Replacement of each name: the name of the same likeness with the most images, the first if several have."""
    chosen = {name: name for name in names}
    for group in alike(names):
        best = max(group, key=lambda name: images.get(name, 0))
        chosen |= dict.fromkeys(group, best)
    return chosen
