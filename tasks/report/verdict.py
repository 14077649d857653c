"""Explain the numbers of a run in plain words."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

SIGNIFICANT = 0.05
# Least adjusted learnability for each word. The scale is our own, set between well-known datasets (docs/report.md):
# handwritten digits have 0.56, CIFAR-10's photographs 0.11.
WORDS = ((0.3, "strongly"), (0.05, "clearly"), (0.01, "weakly"), (0.0, "barely"))
NO_ASSOCIATION = "We found no association between labels and images."
YARDSTICK = "handwritten digits have 56 %, the photographs of CIFAR-10 11 %"


def headline(row: Row) -> str:
    """Return the verdict in one short sentence, from the single row of the table `learnability`."""
    value, shuffled = row["learnability"], row["shuffled_max"]
    if value is None:
        return "Nothing can be said about the classes."
    if shuffled is not None and value <= shuffled:
        return NO_ASSOCIATION
    return f"The classes are {_word(row)} learnable."


def word_meaning(row: Row) -> str | None:
    """Explain the headline's word; None if it has none."""
    if row["learnability"] is None or row["learnability"] <= (row["shuffled_max"] or 0.0):
        return None
    word = _word(row)
    ends = [1.0, *(least for least, _ in WORDS)]
    place = [name for _, name in WORDS].index(word)
    between = f"{percent(ends[place + 1])} to {percent(ends[place])} beyond chance"
    return (
        f"\u201c{word.capitalize()}\u201d is our own word for {between}; {YARDSTICK}. Compare datasets by the number."
    )


def _word(row: Row) -> str:
    return next((word for least, word in WORDS if (row["learnability_adjusted"] or 0.0) >= least), WORDS[-1][1])


def verdict(row: Row) -> str:
    """Explain the numbers in one plain sentence."""
    value, shuffled = row["learnability"] or 0.0, row["shuffled_max"] or 0.0
    found = (
        f"Class labels explain {percent(value)} of what they could of how the images differ along their {row['rank']} "
        f"leading patterns; shuffled labels explain at most {percent(shuffled)}"
    )
    if value > shuffled:
        return (
            f"{found}, so the classes are really associated with the patterns "
            f"({row['significant_patterns']} of {row['rank']} are, one by one, at q < {SIGNIFICANT})."
        )
    return f"{found}, so there is no sign that the classes have to do with the patterns."


def percent(value: float) -> str:
    """Format a fraction in percent with three digits."""
    return f"{100 * value:.3g} %"


def with_sign(value: float) -> str:
    """Format a correlation with two digits and a typographic minus."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
