"""The quality of images in words: how many stand out in which way, and whether that goes with class."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.report.checks import LEVEL, Check
from tasks.report.verdict import Row, percent

ASSOCIATED = 0.1  # least Cramer's V that is worth a warning: Cohen's small effect
SHOWN = 12  # images of a kind in the report


class KindEntry(NamedTuple):
    """A kind of images that stand out: their number, the worst of them, and whether they go with class, in words."""

    kind: str
    images: int
    worst: list[Row]
    by_class: str | None


def quality_entries(images: Sequence[Row], counted: Sequence[Row]) -> list[KindEntry]:
    """List the kinds that some images are of, from the rows of the tables `quality` and `quality_classes`."""
    entries = []
    for kind, count in quality_counts(counted).items():
        worst = [row for row in images if row["kind"] == kind][:SHOWN]
        entries.append(KindEntry(kind, count, worst, _by_class(kind, count, counted)))
    return entries


def quality_counts(counted: Sequence[Row]) -> dict[str, int]:
    """Number of images of each kind that occurs."""
    counts: dict[str, int] = {}
    for row in counted:
        counts[row["kind"]] = counts.get(row["kind"], 0) + row["count"]
    return {kind: count for kind, count in counts.items() if count}


def quality_check(counted: Sequence[Row]) -> Check:
    """Warn if a kind of bad images goes with class; the rows are those of the table `quality_classes`."""
    if not counted:
        claim = "Whether quality goes with class is unknown"
        return Check(None, claim, "An earlier version made this run; a new run on the same images measures it.")
    counts = quality_counts(counted)
    found = [sentence for kind, count in counts.items() if (sentence := _by_class(kind, count, counted))]
    if found:
        more = f" So it is with {len(found) - 1} more." if len(found) > 1 else ""
        claim = "Image quality goes with class"
        return Check(None, claim, f"{found[0]} A classifier may learn the quality instead of the class.{more}")
    if not counts:
        return Check(passed=True, claim="No image stands out by its quality", evidence="All images are like most.")
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    if len({row["class_name"] for row in counted}) == 1:
        claim = "Some images stand out by their quality"
        return Check(None, claim, f"{named}. There is one class, so quality cannot go with class.")
    return Check(passed=True, claim="Image quality does not go with class", evidence=f"Images that stand out: {named}.")


def _by_class(kind: str, count: int, counted: Sequence[Row]) -> str | None:
    """Name the class that has most of a kind beyond what is expected; None if the kind does not go with class."""
    rows = [row for row in counted if row["kind"] == kind and row["q_value"] is not None and row["q_value"] <= LEVEL]
    if not rows or (rows[0]["cramers_v"] or 0.0) < ASSOCIATED:
        return None
    most = max(rows, key=lambda row: row["count"] - row["expected"])
    whose = f"the class {most['class_name']}, which has {percent(most['expected'] / count)} of all images"
    return f"{most['count']:,} of {count:,} images that are {_adjective(kind)} are of {whose}."


def _adjective(kind: str) -> str:
    return {"odd size": "of an odd size", "outlier": "outliers"}.get(kind, kind)
