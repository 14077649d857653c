"""Names of classes: one spelling of the same characters, an order in which numbers count, and names that are alike."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

NUMBER = re.compile(r"([0-9]+)")


def composed(name: str) -> str:
    """A name with its accents composed (Unicode's form NFC), which macOS writes decomposed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorts names with the numbers in them as numbers: 2 before 10, and 1 before 01."""
    parts = [part for part in NUMBER.split(name) if part]
    return [(0, int(part), "") if NUMBER.fullmatch(part) else (1, 0, part) for part in parts], name


def likeness(name: str) -> str:
    """What is left of a name without case, repeated blanks, and ways to write the same character."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of two or more different names of the same likeness, in their order."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[likeness(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def joined(names: Sequence[str], images: Mapping[str, int]) -> dict[str, str]:
    """For each name the one that stands for all names of its likeness: that with the most images, or else the first."""
    chosen = {name: name for name in names}
    for group in alike(names):
        best = max(group, key=lambda name: images.get(name, 0))
        chosen |= dict.fromkeys(group, best)
    return chosen
