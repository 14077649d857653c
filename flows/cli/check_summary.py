"""The findings of `eigenwave check`, as tables for people and as JSON."""

import csv
from collections.abc import Iterable, Iterator, Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Column, Table
from rich.text import Text

from flows.cli.terminal import grid
from storage.datasets.findings import Finding, counted, named
from storage.datasets.splits import in_order
from storage.errors import InputError
from storage.printable import printable
from storage.tables.schemas import UNLABELLED
from tasks.dtypes import MIB
from tasks.planning.check import SourceCheck
from tasks.planning.seen import Seen

JSON_VERSION = 2  # raised whenever an entry of the JSON is renamed or removed
KIB = 1024
MOST_COUNTED = 3
MOST_NAMED = 20  # lines of each kind
WIDE = 70  # characters of a terminal that has room for all columns of a class
LEAST_OF_A_NAME = 12  # characters of a class name on a line, in however narrow a terminal


def check_summary(report: SourceCheck) -> RenderableType:
    """What a curator reads first: each class and split, what is wrong, and the run that would follow."""
    title = Text(f"\n{printable(report.source)}", style="bold")
    parts: list[RenderableType] = [title, _Classes(report), Text(), _facts(report)]
    if report.looked.bad:
        parts += [Text(), _bad(report)]
    if report.duplicates.groups:
        parts += [Text(), _duplicates(report)]
    parts += [Text(f"\n{printable(text)}") for text in _texts(report.findings)]
    if report.run:
        verdict = _texts(report.problems) or ["A run would take this dataset as it is."]
    else:
        verdict = _texts(report.problems) or ["The dataset can be read, but a run would refuse it: see above."]
    return Group(*parts, Text(), *(Text(printable(sentence), style="bold") for sentence in verdict))


def _texts(findings: Iterable[Finding]) -> list[str]:
    """Sentences, at most so many of a kind."""
    by_kind: dict[str, list[str]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding.text)
    shown = []
    for kind, texts in by_kind.items():
        shown += texts[:MOST_NAMED] + ([_more(texts, kind)] if len(texts) > MOST_NAMED else [])
    return shown


def _more(of_all: Sized, what: str) -> str:
    return f"... {len(of_all) - MOST_NAMED:,} more: {what}. --json prints all, --csv FILE writes them."


def check_json(report: SourceCheck) -> dict[str, Any]:
    """All findings as JSON values; docs/check-json.md describes them."""
    every = report.looked.all
    return {
        "version": JSON_VERSION,
        "source": report.source,
        "images": report.images,
        "classes": report.classes,
        "groups": [_group_json(*group) for group in _groups(report)],
        "modes": dict(every.modes.most_common()),
        "sizes": _sizes_json(every),
        "bad": [{"key": key, "reason": reason, "detail": detail} for key, reason, detail in report.looked.bad],
        "duplicates": {
            "images": report.duplicates.images,
            "conflicting": report.duplicates.conflicting,
            "groups": [
                {
                    "keys": [report.keys[row].as_py() for row in group],
                    "classes": _classes_of(report, group),
                    "splits": _splits_of(report, group),
                }
                for group in report.duplicates.groups
            ],
        },
        "run": report.run,
        **{name: [asdict(finding) for finding in listed] for name, listed in vars(report.findings).items()},
        "problems": [asdict(problem) for problem in report.problems],
    }


def _group_json(name: str, split: str, images: int, seen: Seen) -> dict[str, Any]:
    return {
        "class": name,
        "split": split,
        "images": images,
        "bad": images - seen.images,
        "bytes": seen.nbytes,
        "brightness": seen.mean_brightness,
        "modes": dict(seen.modes.most_common()),
        "sizes": _sizes_json(seen),
        "endings": dict(seen.endings.most_common()),
    }


def _sizes_json(seen: Seen) -> list[dict[str, int]]:
    return [{"width": width, "height": height, "images": count} for (width, height), count in seen.sizes.most_common()]


def write_check_csv(report: SourceCheck, path: Path) -> None:
    """Write every bad image, every image that repeats another, and every finding, a row each.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["kind", "key", "class", "split", "detail"])
            rows.writerows(_csv_rows(report))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None


def _csv_rows(report: SourceCheck) -> Iterator[list[str]]:
    names = _names(report)
    places = dict.fromkeys(key for key, *_ in report.looked.bad)
    keys = report.keys.to_pylist() if places else []
    rows = {key: row for row, key in enumerate(keys) if key in places}

    def described(kind: str, row: int, detail: str) -> list[str]:
        of_class = names[report.class_ids[row].as_py()]
        return [kind, report.keys[row].as_py(), of_class, report.splits[row].as_py(), detail]

    for key, reason, detail in report.looked.bad:
        yield described("bad image", rows[key], f"{reason}: {detail}")
    for number, group in enumerate(report.duplicates.groups, 1):
        yield from (described("repeated image", row, f"group {number}") for row in group)
    for finding in [*report.findings, *report.problems]:
        yield [finding.kind, "", "", "", finding.text]


def _groups(report: SourceCheck) -> list[tuple[str, str, int, Seen]]:
    """Class, split, images, and what those that can be used show, by class."""
    return [
        (name, split, counts[split], report.looked.seen.get((number, split), Seen()))
        for number, (name, counts) in enumerate(report.classes.items())
        for split in sorted(counts, key=in_order)
    ]


def _names(report: SourceCheck) -> dict[int, str]:
    """Name of each class by its id; empty for images without a label."""
    return {**dict(enumerate(report.classes)), UNLABELLED: ""}


def _classes_of(report: SourceCheck, group: tuple[int, ...]) -> list[str]:
    names = _names(report)
    return sorted({names[report.class_ids[row].as_py()] for row in group})


def _splits_of(report: SourceCheck, group: tuple[int, ...]) -> list[str]:
    return sorted({report.splits[row].as_py() for row in group}, key=in_order)


class _Classes:
    """The table of classes, with as many of its columns as the terminal has room for."""

    def __init__(self, report: SourceCheck) -> None:
        self.report = report

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield _classes(self.report, wide=options.max_width >= WIDE)


def _classes(report: SourceCheck, *, wide: bool) -> Table:
    more = ("modes", "sizes", "KiB", "brightness") if wide else ()
    table = grid(Column("class", min_width=LEAST_OF_A_NAME), "split", "images", "bad", *more)
    groups = _groups(report)
    for name, split, images, seen in groups[:MOST_NAMED]:
        shown = _shown(seen)[: len(more)]
        table.add_row(printable(name), printable(split), f"{images:,}", f"{images - seen.images:,}", *shown)
    if len(groups) > MOST_NAMED:
        table.add_row(f"... {len(groups) - MOST_NAMED:,} more; --json prints all")
    empty = [name for name, counts in report.classes.items() if not counts]
    for name in empty[:MOST_NAMED]:
        table.add_row(printable(name), "", "0")
    every = report.looked.all
    total = [counted(len(report.classes), "class"), "", f"{report.images:,}", f"{report.images - every.images:,}"]
    table.add_row(*total, *_shown(every)[: len(more)], style="bold")
    return table


def _shown(seen: Seen) -> list[str]:
    sizes = [(f"{width} x {height}", count) for (width, height), count in seen.sizes.most_common()]
    if seen.mean_bytes is None:
        return ["-"] * 4
    kib, brightness = (
        f"{seen.mean_bytes / KIB:,.1f}",
        "-" if seen.mean_brightness is None else f"{seen.mean_brightness:.2f}",
    )
    return [_counted(seen.modes.most_common()), _counted(sizes), kib, brightness]


def _facts(report: SourceCheck) -> Table:
    table = grid("", "", header=False)
    table.add_row("not read", counted(report.findings.skipped, "entry"))
    table.add_row("bad", f"{len(report.looked.bad):,} of {counted(report.images, 'image')}")
    table.add_row(
        "repeated",
        f"{counted(report.duplicates.images, 'image', 'has', 'have')} the bytes of an earlier one, "
        f"{report.duplicates.conflicting:,} of them under another class",
    )
    if report.run:
        run = report.run
        table.add_row(
            "a run",
            f"{counted(run['shards'], 'shard')}, {run['coefficient_bytes'] / MIB:,.1f} MiB of coefficients, "
            f"{counted(run['rank'], 'pattern')} by {run['solver']}, {run['memory_bytes'] / MIB:,.0f} MiB a process, "
            f"about {run['seconds']:,.0f} s",
        )
    return table


def _counted(counts: list[tuple[str, int]]) -> str:
    if len(counts) == 1:
        return counts[0][0]
    shown = ", ".join(f"{name} ({count:,})" for name, count in counts[:MOST_COUNTED])
    return shown + (f" and {len(counts) - MOST_COUNTED:,} more" if len(counts) > MOST_COUNTED else "") or "-"


def _bad(report: SourceCheck) -> Table:
    table = grid("bad image", "reason", "found")
    for key, reason, detail in report.looked.bad[:MOST_NAMED]:
        table.add_row(printable(key), reason, printable(detail))
    if len(report.looked.bad) > MOST_NAMED:
        table.add_row(_more(report.looked.bad, "bad images"))
    return table


def _duplicates(report: SourceCheck) -> Table:
    table = grid("the same image", "classes", "splits")
    # Groups with several classes come first, since at most one label is right; then those of several splits.
    groups = sorted(
        report.duplicates.groups,
        key=lambda group: (-len(_classes_of(report, group)), -len(_splits_of(report, group))),
    )
    for group in groups[:MOST_NAMED]:
        cells = ", ".join(_classes_of(report, group)), ", ".join(_splits_of(report, group))
        table.add_row(printable(named([report.keys[row].as_py() for row in group])), *map(printable, cells))
    if len(groups) > MOST_NAMED:
        table.add_row(_more(groups, "repeated images"))
    return table
