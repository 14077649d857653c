"""Explain the numbers of a run in plain words."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

SIGNIFICANT = 0.05
# Least adjusted learnability for each word. The scale is our own, set between well-known datasets (docs/report.md):
# handwritten digits have 0.56, CIFAR-10's photographs 0.11.
WORDS = ((0.3, "strongly"), (0.05, "clearly"), (0.01, "weakly"), (0.0, "barely"))
NO_ASSOCIATION = "We found no association between labels and images."
NO_LABELS = "There are no labels to compare: this is about patterns, copies and image quality alone."
BY_SPREAD = "The classes differ in their spreads, not in their means."
YARDSTICK = "handwritten digits have 56 %, the photographs of CIFAR-10 11 %"


def headline(row: Row) -> str:
    """Return the verdict in one short sentence, from the single row of the table `learnability`."""
    value, shuffled = row["learnability"], row["shuffled_max"]
    if row.get("classes") == 1:
        return "The images have no labels to compare."
    if value is None:
        return "Nothing can be said about the classes."
    if _by_spread(row):
        return BY_SPREAD
    if shuffled is not None and value <= shuffled:
        return NO_ASSOCIATION
    return f"The classes are {_word(row)} learnable."


def word_meaning(row: Row) -> str | None:
    """Explain the headline's word; None if it has none."""
    if row["learnability"] is None or row["learnability"] <= (row["shuffled_max"] or 0.0) or _by_spread(row):
        return None
    word = _word(row)
    ends = [1.0, *(least for least, _ in WORDS)]
    place = [name for _, name in WORDS].index(word)
    between = f"{percent(ends[place + 1])} to {percent(ends[place])} beyond chance"
    return (
        f"\u201c{word.capitalize()}\u201d is our own word for {between}; {YARDSTICK}. Compare datasets by the number."
    )


def _word(row: Row) -> str:
    return next((word for least, word in WORDS if (beyond_chance(row) or 0.0) >= least), WORDS[-1][1])


def cap(row: Row) -> float:
    """Largest possible learnability; 1 for runs of earlier versions, which do not say."""
    return row.get("learnability_cap") or 1.0


def beyond_chance(row: Row) -> float | None:
    """Part of the possible separation beyond what chance gives: 0 by chance, 1 if classes are fully separated."""
    value, most = row["learnability"], cap(row)
    if value is None:
        return None
    chance = row["expected_null"] or 0.0
    return float((value - chance) / (most - chance)) if most > chance else None


def verdict(row: Row) -> str:
    """Explain the numbers in two plain sentences."""
    if row.get("classes") == 1:
        return NO_LABELS
    value, shuffled = (row[name] or 0.0 for name in ("learnability", "shuffled_max"))
    found = (
        f"Labels account for {percent(value / cap(row))} of the separation that {row['rank']} patterns allow"
        f"{_of_variance(row)}. Shuffled labels account for at most {percent(shuffled / cap(row))}, so "
    )
    if _by_spread(row):
        return _spreads(row, found)
    if value <= shuffled:
        return f"{found}we found no association between labels and images."
    count = row["significant_patterns"]
    alone = f": on {count} of {row['rank']} patterns classes differ, one by one, at q < {SIGNIFICANT}"
    return f"{found}the association is real{alone if count is not None else ''}."


def _by_spread(row: Row) -> bool:
    """Whether classes differ, but no difference between their means can be shown."""
    above = (row["learnability"] or 0.0) > (row["shuffled_max"] or 0.0)
    return bool(row.get("replicated_classes")) and (not above or row["significant_patterns"] == 0)


def _spreads(row: Row, found: str) -> str:
    replicated = row["replicated_classes"]
    classes, whose = ("1 class varies", "its") if replicated == 1 else (f"{replicated:,} classes vary", "their")
    return (
        f"{found.removesuffix(', so ')}. On no pattern do class means differ beyond chance, but {classes} more than "
        f"the others along a pattern of {whose} own, in unseen images too."
    )


def _of_variance(row: Row) -> str:
    part = row.get("explained_variance")
    return "" if part is None else f" ({percent(max(part, 0.0))} of the images' variance)"


def percent(value: float) -> str:
    """Format a fraction in percent with three digits."""
    return f"{100 * value:.3g} %"


def with_sign(value: float) -> str:
    """Format a correlation with two digits and a typographic minus."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
