"""Findings of a dataset beside its samples: warnings, notes, and files that are not read, each with a count."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

EXAMPLES = 3  # names in a text
PLURALS = {"class": "classes", "entry": "entries", "pass": "passes"}


@dataclass(frozen=True)
class Finding:
    """One fact about a dataset.

    Attributes
    ----------
    kind
        A fixed phrase that programs can rely on, such as ``hidden files``; docs/check-json.md lists all.
    text
        One sentence for people: what was seen, and what to do about it, if anything.
    count
        Number of files, images or classes concerned.
    """

    kind: str
    text: str
    count: int


@dataclass
class Findings:
    """All findings of a dataset.

    Attributes
    ----------
    warnings
        Problems that may make results wrong.
    notes
        Decisions on how to read the dataset, with their reasons.
    ignored
        Files and images that are not read.
    """

    warnings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    ignored: list[Finding] = field(default_factory=list)

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(self.warnings + other.warnings, self.notes + other.notes, self.ignored + other.ignored)

    def __iter__(self) -> Iterator[Finding]:
        yield from self.warnings
        yield from self.notes
        yield from self.ignored

    @property
    def skipped(self) -> int:
        """Number of files and images that are not read."""
        return sum(finding.count for finding in self.ignored)

    def ignore(self, kind: str, tally: "Tally", of_what: str) -> None:
        """Add the names in a tally as not read, unless it is empty."""
        if tally.count:
            self.ignored.append(Finding(kind, f"Skipped {counted(tally.count, of_what)}{tally.examples}.", tally.count))


class Tally:
    """Counts names and keeps the first few."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str, count: int = 1) -> None:
        """Count a name, or `count` items for which `name` is the example."""
        self.count += count
        if len(self._names) < EXAMPLES:
            self._names.append(name)

    @property
    def examples(self) -> str:
        """The first names in parentheses, to insert in a sentence."""
        return f" (such as {', '.join(self._names)})" if self._names else ""


def counted(number: int, what: str, one: str = "", many: str = "") -> str:
    """A number with a noun, such as ``1 file`` or ``2 files``; the first word of `what` takes the plural.

    What follows for one thing and for many, such as ``has`` and ``have``, is put behind it.
    """
    noun, *rest = what.split(" ", 1)
    word = noun if number == 1 else PLURALS.get(noun, f"{noun}s")
    follows = one if number == 1 else many
    return " ".join([f"{number:,}", word, *rest, *([follows] if follows else [])])


def named(names: Sequence[str], most: int = EXAMPLES) -> str:
    """The first names, and the number of further ones."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def shown(counts: Counter[str], most: int = EXAMPLES) -> str:
    """The most frequent entries with their counts, such as ``.txt (12), .xml (3) and 2 more``."""
    named = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(most))
    return named + (f" and {len(counts) - most:,} more" if len(counts) > most else "")
