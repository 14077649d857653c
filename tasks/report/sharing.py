"""The report for others: without the places of files, and on request without pictures of single images."""

from dataclasses import replace
from pathlib import PurePath

from storage.formats.places import relative
from tasks.report.asked import Answered, Asked
from tasks.report.gather import Report
from tasks.report.listed import COLUMNS

PATH = COLUMNS.index("path")


def for_others(report: Report, *, thumbnails: bool = True) -> Report:
    """Return the content of a report that leaves the house.

    It names the dataset, but not its address, and shows paths below the dataset only. Without `thumbnails` it has no
    pictures of single images, nor images rebuilt from patterns.
    """
    address = report.source
    shown = {row: entry._replace(path=_hidden(entry.path, address)) for row, entry in report.thumbnails.items()}
    lists = {
        kind: {**found, "rows": [(*row[:PATH], _hidden(row[PATH], address), *row[PATH + 1 :]) for row in found["rows"]]}
        for kind, found in report.listed.items()
    }
    return replace(
        report,
        source=PurePath(address).name,
        thumbnails=shown if thumbnails else {},
        rebuilt=report.rebuilt if thumbnails else [],
        listed=lists,
        asked=Asked(tuple(map(_named, report.asked.columns)), report.asked.layers),
        shared=True,
    )


def _hidden(path: str | None, address: str) -> str | None:
    """Return a path relative to the dataset, or the name of the file alone if it lies elsewhere."""
    short = relative(path, address) if path else None
    return PurePath(short).name if short and (short.startswith("/") or "://" in short) else short


def _named(column: Answered) -> Answered:
    """Name the file of a table without its folder."""
    kind, _, file = column.row["source"].partition(" ")
    name = f"{kind} {PurePath(file).name}".strip()
    return column._replace(sentences=[text.replace(column.row["source"], name) for text in column.sentences])
