"""What a dataset reports beside its samples: warnings, notes, and what was not read, each with a count."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

EXAMPLES = 3  # names that a text gives
PLURALS = {"class": "classes"}


@dataclass(frozen=True)
class Finding:
    """One thing to know about a dataset.

    Attributes
    ----------
    kind
        A fixed phrase that programs can rely on, such as ``hidden files``; docs/check-json.md lists all.
    text
        One sentence for people: what was seen, and what to do about it if there is anything to do.
    count
        Files, images or classes that it is about.
    """

    kind: str
    text: str
    count: int


@dataclass
class Findings:
    """What was found in a dataset.

    Attributes
    ----------
    warnings
        What may make results wrong.
    notes
        What was decided, and why.
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
        """Files and images that are not read."""
        return sum(finding.count for finding in self.ignored)

    def ignore(self, kind: str, tally: "Tally", of_what: str) -> None:
        """Count what a tally has as not read; nothing if it is empty."""
        if tally.count:
            self.ignored.append(Finding(kind, f"Skipped {counted(tally.count, of_what)}{tally.examples}.", tally.count))


class Reporting:
    """A source that reports findings, all of them once its samples are listed."""

    @cached_property
    def findings(self) -> Findings:
        """What was found beside the samples."""
        return Findings()


class Tally:
    """Counts names, and keeps the first few."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str, count: int = 1) -> None:
        """Count something; `name` stands for all `count` of it."""
        self.count += count
        if len(self._names) < EXAMPLES:
            self._names.append(name)

    @property
    def examples(self) -> str:
        """The first names in brackets, for the middle of a sentence."""
        return f" (such as {', '.join(self._names)})" if self._names else ""


def counted(number: int, what: str) -> str:
    """A number and what it counts, such as ``1 file`` or ``2 files``: the first word takes the plural."""
    noun, *rest = what.split(" ", 1)
    word = noun if number == 1 else PLURALS.get(noun, f"{noun}s")
    return " ".join([f"{number:,}", word, *rest])


def named(names: Sequence[str], most: int = EXAMPLES) -> str:
    """The first names, and how many there are beside them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def shown(counts: Counter[str], most: int = EXAMPLES) -> str:
    """The most frequent entries with their counts, such as ``.txt (12), .xml (3) and 2 more``."""
    named = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(most))
    return named + (f" and {len(counts) - most:,} more" if len(counts) > most else "")
