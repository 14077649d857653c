"""The reasons to trust or to distrust a result: one check each, with its numbers in a sentence."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from tasks.report.verdict import Row, percent, with_sign
from tasks.statistics.accuracy import binomial_p_value

LEVEL = 0.05  # of each check by itself: the part of datasets without association that it may pass
# Limits of the checks, also our own; each check shows its limit.
SMALL_DEVIATION = 0.03  # of learnability under label noise from its expectation, relative to the learnability
SHIFTED_MEAN = 0.2  # deviations
SHIFTED_VARIANCE = 1.25  # ratio, or its inverse
MOSTLY_COLOUR = 0.5  # fraction of the learnability
RARE = 1e-4  # p-values below say nothing more
METHODS = {"ridge": "linear", "quadratic": "quadratic"}


class Check(NamedTuple):
    """A reason to trust or to distrust the result.

    Attributes
    ----------
    passed
        Whether the check passed; None if it only informs, or could not be made.
    claim
        Claim in a few words.
    evidence
        Numbers for the claim, in a sentence.
    pattern
        Number of the pattern that the claim is about and the report shows beside it, if any.
    """

    passed: bool | None
    claim: str
    evidence: str
    pattern: int | None = None


def worst_first(*found: Check) -> list[Check]:
    """Order checks: those that failed, those that only inform, and those that passed, each in the given order."""
    places = {False: 0, None: 1, True: 2}
    return sorted(found, key=lambda check: places[check.passed])


def checks(row: Row, held_out: Sequence[Row], noise: Sequence[Row], patterns: Sequence[Row] = ()) -> list[Check]:
    """List the checks of a run; those whose numbers do not exist are left out.

    The arguments are the row of the table `learnability`, and the rows of the tables `held_out`, `label_noise` and
    `patterns`. Accuracy on held-out images is that without copies of images learned from.
    """
    found = [
        _beyond_chance(row),
        _on_held_out(held_out),
        _replicated(row),
        _more_than_colour(row),
        _follows_noise(row, noise),
        _split_shift(patterns),
    ]
    return [check for check in found if check is not None]


def exact(residual: float, tolerance: float) -> Check:
    """Report the largest residual of the patterns; runs with a larger one than allowed are refused."""
    evidence = f"Their largest relative residual is {percent(residual)}; {percent(tolerance)} is allowed."
    return Check(passed=True, claim="The patterns are exact", evidence=evidence)


def complete(rejected: int, images: int, *, all_differ: bool) -> Check:
    """Report whether images were rejected, and where none was, whether all differ."""
    if not rejected:
        differ = ", and all differ" if all_differ else ""
        return Check(passed=True, claim="No image was set aside", evidence=f"All {images:,} could be read{differ}.")
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
        f"Labels explain {_times(times)} as much as shuffled labels"
        if times > 1
        else "Labels explain no more than shuffled labels",
        f"{percent(value)} against at most {percent(shuffled)} in {row['permutations']} shuffles.",
    )


def _on_held_out(held_out: Sequence[Row]) -> Check | None:
    """Test the better of the classifiers, and correct for the choice (Bonferroni)."""
    known = [row for row in map(_honest, held_out) if row["accuracy"] is not None and row["chance"] is not None]
    if not known:
        return _all_copies(held_out)
    p_values = [min(1.0, len(known) * _p_value(row)) for row in known]
    p, best = min(zip(p_values, known, strict=True), key=lambda pair: (pair[0], -pair[1]["accuracy"]))
    chance, judged = _chance(best), best["judged"]
    independent = best.get("judged_units") or judged
    evidence = (
        f"A {METHODS[best['method']]} classifier of {best['patterns']} patterns is right on "
        f"{round(best['accuracy'] * judged):,} of {judged:,} images held out{_balanced(best)}. {_alternatives(best)}"
        f"{best.get('aside', '')}"
    )
    if len(known) * binomial_p_value(independent, independent, chance) > LEVEL:
        return Check(None, "Too few unseen images to check the classes", f"{evidence} {_hopeless(independent, chance)}")
    passed = p <= LEVEL
    return Check(
        passed,
        f"{percent(best['accuracy'])} of unseen images are classified right"
        if passed
        else "Unseen images are classified no better than by chance",
        evidence if p < RARE else f"{evidence} By chance this happens in {percent(p)} of datasets.",
    )


def _honest(row: Row) -> Row:
    """Replace the numbers of held-out images by those without copies of images learned from, if there are any."""
    judged = row.get("clean_judged")
    if judged is None or judged == row["judged"]:
        return row
    units = round((row.get("judged_units") or row["judged"]) * judged / row["judged"])
    return {**row} | {
        "accuracy": row["clean_accuracy"],
        "p_value": row["clean_p_value"],
        "judged": judged,
        "judged_units": units,
        "balanced_accuracy": None,
        "aside": f" Not counted are {row['judged'] - judged:,} copies of images learned from, or images of classes not "
        f"learned from; with them it would be {percent(row['accuracy'])}.",
    }


def _all_copies(held_out: Sequence[Row]) -> Check | None:
    """Say that no unseen image is left, if that is so."""
    judged = next((row["judged"] for row in held_out if row["judged"] and row.get("clean_judged") == 0), 0)
    if not judged:
        return None
    evidence = f"All {judged:,} images held out are copies of others that are learned from, or of classes that are not."
    return Check(passed=None, claim="No unseen image is left to check the classes", evidence=evidence)


def _chance(row: Row) -> float:
    """Accuracy without association; runs of earlier versions have only that of naming the most frequent class."""
    value: float = row["chance"] if row.get("null_accuracy") is None else row["null_accuracy"]
    return value


def _p_value(row: Row) -> float:
    """p-value of the test against chance, which runs of earlier versions do not have."""
    value: float | None = row.get("p_value")
    return binomial_p_value(row["accuracy"] * row["judged"], row["judged"], _chance(row)) if value is None else value


def _balanced(row: Row) -> str:
    value = row.get("balanced_accuracy")
    return "" if value is None else f" ({percent(value)} if every class counts alike)"


def _alternatives(row: Row) -> str:
    """Name what needs no images: the most frequent class, or any."""
    most, uniform = row.get("majority_rate") or row["chance"], row.get("uniform_chance")
    guessed = "" if uniform is None else f", a guess on {percent(uniform)}"
    return f"Naming the most frequent class is right on {percent(most)}{guessed}."


def _hopeless(judged: int, chance: float) -> str:
    return f"Even {judged:,} of {judged:,} could be chance: {percent(chance**judged)}."


def _replicated(row: Row) -> Check | None:
    replicated, judged = row.get("replicated_classes"), row.get("judged_classes")
    if replicated is None:
        return None
    by_means = (row["learnability"] or 0.0) > (row["shuffled_max"] or 0.0)
    return Check(
        True if replicated else None if by_means else False,
        f"Class patterns {'' if replicated else 'do not '}come back in unseen images",
        f"{replicated:,} of {judged:,} classes vary more than the others along their own pattern in held-out images "
        f"too (q \N{LESS-THAN OR EQUAL TO} {LEVEL}).",
    )


def _more_than_colour(row: Row) -> Check | None:
    colour, value = row["colour_learnability"], row["learnability"]
    if colour is None or not value or value <= (row["shuffled_max"] or 0.0):
        return None
    part = colour / value
    return Check(
        None if part > MOSTLY_COLOUR else True,
        "Much of it is mean color" if part > MOSTLY_COLOUR else "It is more than mean color",
        f"Mean color and brightness alone explain {percent(colour)}, {percent(part)} of it.",
    )


def _follows_noise(row: Row, noise: Sequence[Row]) -> Check | None:
    """Compare each point with its spread; the level is divided among the points (Bonferroni)."""
    value, known = row["learnability"], [entry for entry in noise if entry.get("spread") is not None]
    if not known or not value or value <= (row["shuffled_max"] or 0.0):
        return None
    deviations = NormalDist().inv_cdf(1 - LEVEL / (2 * len(known)))
    limits = [max(deviations * entry["spread"], SMALL_DEVIATION * value) for entry in known]
    away = [abs(entry["measured"] - entry["predicted"]) for entry in known]
    worst, allowed = max(zip(away, limits, strict=True), key=lambda pair: pair[0] / pair[1])
    passed = worst <= allowed
    return Check(
        passed,
        "It falls with label noise as it should" if passed else "It does not fall with label noise as it should",
        f"Measured and predicted differ by {100 * worst:.2g} points where {100 * allowed:.2g} are allowed, the most of "
        f"{len(known)} noise levels.",
    )


def _split_shift(patterns: Sequence[Row]) -> Check | None:
    """Warn of patterns whose scores differ in a held-out split, if that is neither chance (Bonferroni) nor small."""
    known = [row for row in patterns if row.get("held_out_shift_p_value") is not None]
    if not known:
        return None
    shifted = [row for row in known if len(known) * row["held_out_shift_p_value"] <= LEVEL and _is_large(row)]
    if not shifted:
        return Check(
            passed=True,
            claim="Unseen images look like those that patterns are fitted on",
            evidence=f"Scores have the same mean and spread on all {len(known)} patterns.",
        )
    most = min(shifted, key=lambda row: row["held_out_shift_p_value"])
    ratio = most["held_out_variance_ratio"]
    spread = "" if ratio is None else f", and the variance is {ratio:.2g} times as large"
    return Check(
        None,
        "Unseen images differ from those that patterns are fitted on",
        f"On {len(shifted)} of {len(known)} patterns, scores of the same class have another mean or spread. On pattern "
        f"{most['pattern']} the mean moved by {with_sign(most['held_out_mean_shift'])} deviations{spread}. Check that "
        "both splits were made in the same way.",
    )


def _is_large(row: Row) -> bool:
    ratio = row["held_out_variance_ratio"] or 1.0
    return abs(row["held_out_mean_shift"]) >= SHIFTED_MEAN or not 1 / SHIFTED_VARIANCE < ratio < SHIFTED_VARIANCE


def _times(value: float) -> str:
    return f"{value:,.0f} times" if value >= 3 else f"{value:.1f} times"  # noqa: PLR2004
