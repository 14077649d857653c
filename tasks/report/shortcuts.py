"""Likely shortcuts: patterns that tell classes apart and lie in few pixels, few lines or the border of the image."""

from collections.abc import Sequence

from tasks.report.checks import LEVEL, Check
from tasks.report.verdict import Row, percent

CONCENTRATED = 0.5  # part of the energy
TELLING = 0.1  # of the largest eta squared: a pattern that tells less than this is not what classes are told apart by
PLACES = {
    "pixel_share": "1 % of the pixels",
    "line_share": "a few rows or columns",
    "border_share": "the border of the image",
}


def shortcuts(patterns: Sequence[Row]) -> list[tuple[Row, str]]:
    """List the rows of the table `patterns` that are likely shortcuts, most telling first, each with its place."""
    found = [(row, place) for row in telling(patterns) if (place := _place(row)) is not None]
    return sorted(found, key=lambda pair: -pair[0]["eta_squared"])


def telling(patterns: Sequence[Row]) -> list[Row]:
    """List the patterns whose scores tell the classes apart; where no test can be made, by the shuffled labels."""
    least = TELLING * max((row["eta_squared"] or 0.0 for row in patterns), default=0.0)
    return [row for row in patterns if (row["eta_squared"] or 0.0) >= max(least, 1e-12) and _associated(row)]


def _associated(row: Row) -> bool:
    if row["q_value"] is None:
        return bool(row["eta_squared"] > (row["null_eta_squared_max"] or 0.0))
    return bool(row["q_value"] <= LEVEL)


def _place(row: Row) -> str | None:
    """Describe where most of the pattern's energy lies, if that is a small part of the image."""
    parts = {name: row.get(name) or 0.0 for name in PLACES}
    name = max(parts, key=lambda name: parts[name])
    return f"{percent(parts[name])} of its energy lies in {PLACES[name]}" if parts[name] >= CONCENTRATED else None


def no_shortcut(patterns: Sequence[Row]) -> Check | None:
    """Check that the patterns that tell classes apart are spread over the image; None if nothing can be said."""
    asked = [row for row in telling(patterns) if row.get("pixel_share") is not None]
    if not asked:
        return None
    found = shortcuts(patterns)
    if not found:
        claim = "No pattern looks like a shortcut"
        return Check(True, claim, f"The {len(asked)} patterns that tell classes apart are spread over the image.")  # noqa: FBT003
    row, place = found[0]
    more = f" {len(found) - 1} more are marked below." if len(found) > 1 else ""
    told = "classes" if row["top_class"] is None else f"the class {row['top_class']}"
    return Check(
        None,
        f"Pattern {row['pattern']} is a likely shortcut",
        f"It tells {told} apart (η² {row['eta_squared']:.2g}), but {place}: a mark, a frame "
        f"or a defect rather than an object. Look at it and at its images.{more}",
        row["pattern"],
    )
