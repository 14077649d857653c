"""Explain the numbers of a run in plain words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]

SIGNIFICANT = 0.05
# Least adjusted learnability for each word. The scale is our own, set between well-known datasets (docs/report.md):
# handwritten digits have 0.56, CIFAR-10's photographs 0.11.
WORDS = ((0.3, "strongly"), (0.05, "clearly"), (0.01, "weakly"), (0.0, "barely"))
YARDSTICK = "handwritten digits have 56 %, the photographs of CIFAR-10 11 %"
# Limits of the checks, also our own; each check shows its limit.
SMALL_DEVIATION = 0.03  # of learnability under label noise from its expectation, relative to the learnability
GOOD_AGREEMENT = 0.5  # correlation of shares between learned and held-out images
MOSTLY_COLOUR = 0.5  # fraction of the learnability


class Check(NamedTuple):
    """A reason to trust or to distrust the result.

    Attributes
    ----------
    passed
        Whether the check passed; None if it only informs.
    claim
        Claim in a few words.
    evidence
        Numbers for the claim, in a sentence.
    """

    passed: bool | None
    claim: str
    evidence: str


def headline(row: Row) -> str:
    """Return the verdict in one short sentence, from the single row of the table `learnability`."""
    value, shuffled = row["learnability"], row["shuffled_max"]
    if value is None:
        return "Nothing can be said about the classes."
    if shuffled is not None and value <= shuffled:
        return "There is no sign that the classes have to do with the images."
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


def checks(row: Row, held_out: Sequence[Row], noise: Sequence[Row]) -> list[Check]:
    """List reasons to trust or to distrust the result; those that cannot be checked are left out.

    The arguments are the row of the table `learnability`, and the rows of the tables `held_out` and `label_noise`.
    """
    found = [
        _beyond_chance(row),
        _on_held_out(held_out),
        _replicated(row),
        _more_than_colour(row),
        _follows_noise(row, noise),
    ]
    return [check for check in found if check is not None]


def exact(residual: float, tolerance: float) -> Check:
    """Report the largest residual of the patterns; runs with a larger one than allowed are refused."""
    evidence = f"Their largest relative residual is {percent(residual)}; {percent(tolerance)} is allowed."
    return Check(passed=True, claim="The patterns are exact", evidence=evidence)


def complete(rejected: int, images: int) -> Check:
    """Report whether images were rejected."""
    if not rejected:
        return Check(passed=True, claim="No image was set aside", evidence=f"All {images:,} could be read.")
    return Check(
        passed=None,
        claim=f"{rejected:,} of {images:,} images were set aside",
        evidence="They are listed below with their reasons.",
    )


def _beyond_chance(row: Row) -> Check | None:
    value, shuffled = row["learnability"], row["shuffled_max"]
    if not value or not shuffled:
        return None
    times = value / shuffled
    return Check(
        value > shuffled,
        f"{_times(times)} what shuffled labels reach" if times > 1 else "No more than shuffled labels reach",
        f"{percent(value)} against at most {percent(shuffled)} in {row['permutations']} shuffles.",
    )


def _on_held_out(held_out: Sequence[Row]) -> Check | None:
    known = [row for row in held_out if row["accuracy"] is not None]
    if not known:
        return None
    best = max(known, key=lambda row: row["accuracy"])
    chance = max(best["chance"] or 0.0, best["shuffled_accuracy"] or 0.0)
    # Two standard deviations of the value by chance alone.
    doubt = 2 * math.sqrt(chance * (1 - chance) / best["judged"])
    name = {"ridge": "linear", "quadratic": "quadratic"}[best["method"]]
    return Check(
        best["accuracy"] > chance + doubt,
        f"{percent(best['accuracy'])} of unseen images are classified right"
        if best["accuracy"] > chance + doubt
        else "Unseen images are classified no better than by chance",
        f"By a {name} classifier on {best['patterns']} patterns, {best['judged']:,} images held out; chance is "
        f"{percent(chance)}.",
    )


def _replicated(row: Row) -> Check | None:
    agreement = row["share_agreement"]
    if agreement is None:
        return None
    shuffled = row["share_agreement_shuffled"]
    beside = f", {with_sign(shuffled)} with shuffled labels" if shuffled is not None else ""
    passed = agreement >= GOOD_AGREEMENT and agreement > (shuffled or 0.0)
    return Check(
        passed,
        "Class patterns come back in unseen images" if passed else "Class patterns do not come back in unseen images",
        f"Shares of variance correlate by {with_sign(agreement)}{beside}; {GOOD_AGREEMENT} is asked for.",
    )


def _more_than_colour(row: Row) -> Check | None:
    colour, value = row["colour_learnability"], row["learnability"]
    if colour is None or not value or value <= (row["shuffled_max"] or 0.0):
        return None
    part = colour / value
    return Check(
        None if part > MOSTLY_COLOUR else True,
        "Much of it is mean colour" if part > MOSTLY_COLOUR else "It is more than mean colour",
        f"Mean colour and brightness alone explain {percent(colour)}, {percent(part)} of it.",
    )


def _follows_noise(row: Row, noise: Sequence[Row]) -> Check | None:
    value = row["learnability"]
    known = [entry for entry in noise if entry["measured"] is not None and entry["predicted"] is not None]
    if not known or not value:
        return None
    worst = max(abs(entry["measured"] - entry["predicted"]) for entry in known)
    uncertain = ((row["ci_high"] or 0.0) - (row["ci_low"] or 0.0)) / 2
    allowed = max(SMALL_DEVIATION * value, uncertain)
    passed = worst <= allowed
    return Check(
        passed,
        "It falls with label noise as it should" if passed else "It does not fall with label noise as it should",
        f"Measured and predicted differ by at most {100 * worst:.2g} points; {100 * allowed:.2g} are allowed.",
    )


def percent(value: float) -> str:
    """Format a fraction in percent with three digits."""
    return f"{100 * value:.3g} %"


def with_sign(value: float) -> str:
    """Format a correlation with two digits and a typographic minus."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _times(value: float) -> str:
    return f"{value:,.0f} times" if value >= 3 else f"{value:.1f} times"  # noqa: PLR2004
