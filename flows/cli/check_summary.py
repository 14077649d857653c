"""The findings of `eigenwave check`, as tables for people and as JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.cli.terminal import grid
from storage.printable import printable
from tasks.dtypes import MIB
from tasks.planning.check import SourceCheck

JSON_VERSION = 2  # raised whenever an entry of the JSON is renamed or removed
MOST_CLASSES = 30  # shown; all are in the JSON
MOST_COUNTED = 8
MOST_NAMED = 20


def check_summary(report: SourceCheck) -> RenderableType:
    """Tables of counts, modes, sizes, bad images, duplicates, and the run that would follow."""
    title = Text(f"\n{printable(report.source)}", style="bold")
    parts: list[RenderableType] = [title, _classes(report), Text(), _facts(report)]
    if report.looked.bad:
        parts += [Text(), _bad(report)]
    if report.duplicates.groups:
        parts += [Text(), _duplicates(report)]
    parts += [Text(f"\n{printable(finding.text)}") for finding in report.findings]
    verdict = [problem.text for problem in report.problems] or ["A run would take this dataset as it is."]
    return Group(*parts, Text(), *(Text(printable(sentence), style="bold") for sentence in verdict))


def check_json(report: SourceCheck) -> dict[str, Any]:
    """All findings as JSON values; docs/check-json.md describes them."""
    keys, looked = report.keys, report.looked
    return {
        "version": JSON_VERSION,
        "source": report.source,
        "images": report.images,
        "classes": report.classes,
        "modes": dict(looked.modes.most_common()),
        "sizes": [{"width": width, "height": height, "images": count} for (width, height), count in _sizes(report)],
        "bad": [{"key": key, "reason": reason, "detail": detail} for key, reason, detail in looked.bad],
        "duplicates": {
            "images": report.duplicates.images,
            "conflicting": report.duplicates.conflicting,
            "groups": [
                {"keys": [keys[row].as_py() for row in group], "classes": _classes_of(report, group)}
                for group in report.duplicates.groups
            ],
        },
        "run": report.run,
        **{name: [asdict(finding) for finding in listed] for name, listed in vars(report.findings).items()},
        "problems": [asdict(problem) for problem in report.problems],
    }


def _sizes(report: SourceCheck) -> list[tuple[tuple[int, int], int]]:
    return report.looked.sizes.most_common()


def _classes_of(report: SourceCheck, group: tuple[int, ...]) -> list[str]:
    names = list(report.classes)
    return sorted({names[report.class_ids[row].as_py()] for row in group})


def _classes(report: SourceCheck) -> Table:
    splits = sorted({split for counts in report.classes.values() for split in counts}, key=lambda s: (s != "train", s))
    table = grid("class", *map(printable, splits))
    for name, counts in list(report.classes.items())[:MOST_CLASSES]:
        table.add_row(printable(name), *(f"{counts.get(split, 0):,}" for split in splits))
    if len(report.classes) > MOST_CLASSES:
        table.add_row(f"... {len(report.classes) - MOST_CLASSES:,} more", *("" for _ in splits))
    totals = (sum(counts.get(split, 0) for counts in report.classes.values()) for split in splits)
    table.add_row(f"{len(report.classes):,} classes", *(f"{total:,}" for total in totals), style="bold")
    return table


def _facts(report: SourceCheck) -> Table:
    table = grid("", "", header=False)
    table.add_row("modes", _counted([(mode, count) for mode, count in report.looked.modes.most_common()]))
    table.add_row("sizes", _counted([(f"{width} x {height}", count) for (width, height), count in _sizes(report)]))
    table.add_row("not read", f"{report.findings.skipped:,} files or images")
    table.add_row("bad", f"{len(report.looked.bad):,} of {report.images:,} images")
    table.add_row(
        "repeated",
        f"{report.duplicates.images:,} images have the bytes of an earlier one, "
        f"{report.duplicates.conflicting:,} of them under another class",
    )
    if report.run:
        run = report.run
        table.add_row(
            "a run",
            f"{run['shards']:,} shards, {run['coefficient_bytes'] / MIB:,.1f} MiB of coefficients, {run['rank']} "
            f"patterns by {run['solver']}, {run['memory_bytes'] / MIB:,.0f} MiB a process, about "
            f"{run['worker_seconds']:,.0f} s of one worker",
        )
    return table


def _counted(counts: list[tuple[str, int]]) -> str:
    shown = ", ".join(f"{name} ({count:,})" for name, count in counts[:MOST_COUNTED])
    return shown + (f" and {len(counts) - MOST_COUNTED:,} more" if len(counts) > MOST_COUNTED else "") or "-"


def _bad(report: SourceCheck) -> Table:
    table = grid("bad image", "reason", "found")
    for key, reason, detail in report.looked.bad:
        table.add_row(printable(key), reason, printable(detail))
    return table


def _duplicates(report: SourceCheck) -> Table:
    table = grid("the same image", "classes")
    # Groups with more than one class come first: at least one of their labels is wrong.
    groups = sorted(report.duplicates.groups, key=lambda group: len(_classes_of(report, group)) < 2)  # noqa: PLR2004
    for group in groups[:MOST_NAMED]:
        keys = printable(", ".join(report.keys[row].as_py() for row in group))
        table.add_row(keys, printable(", ".join(_classes_of(report, group))))
    if len(groups) > MOST_NAMED:
        table.add_row(f"... {len(groups) - MOST_NAMED:,} more; --json names all", "")
    return table
