"""Explain a comparison with the run before in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from tasks.report.checks import Check
from tasks.report.verdict import Row

KINDS = ("added", "removed", "changed", "relabelled", "renamed")
LITTLE, MUCH = 0.1, 0.25  # by convention, see `tasks.statistics.drift.population_stability`
TURNED = 10  # degrees; the cosine is 0.985
FALSE_ALARMS = 0.025  # fraction of 95 % intervals that lie below the value they estimate
NAMED = 5  # classes named
EXAMPLES = 3  # images named of each kind of change


def drift_checks(
    found: Row, patterns: Sequence[Row], classes: Sequence[Row], examples: Mapping[str, Sequence[str]]
) -> list[Check]:
    """List the quantities that changed and those that did not.

    The arguments are the row of the table `compared_runs`, the rows of the tables `compared_patterns` and
    `compared_classes`, and names of changed images as `examples_of` returns them.
    """
    checks = [_learnability(found), _association(patterns), _scores(patterns), _spaces(patterns)]
    return [*checks, _images(found, examples), *_classes(classes)]


def examples_of(images: pa.Table) -> dict[str, list[str]]:
    """Return the first names of images with each kind of change, from the columns of the table `compared_images`."""
    return {
        kind: images.filter(pc.equal(images["change"], kind))["key"].slice(0, EXAMPLES).to_pylist() for kind in KINDS
    }


def some_names(names: Sequence[str], count: float) -> str:
    """List the first names of a number of images."""
    return ", ".join(names) + (" and others" if count > len(names) else "")


def drift_headline(checks: Sequence[Check]) -> str:
    """Summarize all changes in one line."""
    claims = [check.claim for check in checks if not check.passed]
    line = ", ".join(f"{claim[0].lower()}{claim[1:]}" for claim in claims) or "nothing changed"
    return f"{line[0].upper()}{line[1:]}"


def _learnability(found: Row) -> Check:
    drop, low, high = (found[f"learnability_drop{end}"] for end in ("", "_low", "_high"))
    if drop is None or low is None:
        return Check(None, "Learnability cannot be compared", "One of the runs has no interval for it.")
    same = low <= 0 <= high
    claim = "Learnability is as before" if same else "Learnability fell" if drop > 0 else "Learnability rose"
    return Check(same or None, claim, f"It changed by {_change(-drop, -high, -low)}.")


def _association(patterns: Sequence[Row]) -> Check:
    known = [row for row in patterns if row["change_high"] is not None]
    if not known:
        return Check(None, "Association cannot be compared", "No pattern has η² in both runs.")
    if all(row.get(f"eta_squared_{side}") == 0 for row in known for side in ("before", "after")):
        return Check(None, "Association cannot be compared", "No pattern has any: there is one class.")
    fell = sum(row["change_high"] < 0 for row in known)
    worst = min(known, key=lambda row: row["eta_squared_change"])
    few = fell <= max(1.0, FALSE_ALARMS * len(known))
    claim = "Patterns tell as much of the classes" if few else f"{fell:,} patterns tell less of the classes"
    change = _change(worst["eta_squared_change"], worst["change_low"], worst["change_high"])
    return Check(
        few or None,
        claim,
        f"η² fell beyond its 95 % interval on {fell:,} of {len(known):,}, chance gives "
        f"{FALSE_ALARMS * len(known):.2g}; most on pattern {worst['pattern']}, by {change}.",
    )


def _scores(patterns: Sequence[Row]) -> Check:
    worst = max((row for row in patterns if row["psi"] is not None), key=lambda row: row["psi"])
    index = worst["psi"]
    claim = "Images have as much of each pattern" if index < LITTLE else "Images have other amounts of the patterns"
    return Check(
        index < LITTLE or None,
        claim,
        f"Population stability index at most {index:.2g}, on pattern {worst['pattern']}; by custom {LITTLE} is little "
        f"and {MUCH} much.",
    )


def _spaces(patterns: Sequence[Row]) -> Check:
    angles = [row["principal_angle"] for row in patterns if row["principal_angle"] is not None]
    same = max(angles) < TURNED
    return Check(
        same or None,
        "The patterns are the same" if same else "Patterns turned",
        f"The spaces of both runs' patterns differ by angles of up to {max(angles):.2g}°, half of them below "
        f"{median(angles):.2g}°. The last patterns turn easily.",
    )


def _images(found: Row, examples: Mapping[str, Sequence[str]]) -> Check:
    # Earlier versions did not count renamed images.
    counts = {kind: count for kind in KINDS if (count := found.get(f"{kind}_images"))}
    if not counts:
        return Check(passed=True, claim="The images are the same", evidence="Names, bytes and labels of all of them.")
    listed = [f"{count:,} {kind}: {some_names(examples[kind], count)}." for kind, count in counts.items()]
    return Check(None, "Images changed", f"{' '.join(listed)} The table compared_images has all.")


def _classes(classes: Sequence[Row]) -> Iterator[Check]:
    for column, what in (("images_before", "new"), ("images_after", "gone")):
        names = [row["class_name"] for row in classes if row[column] is None]
        if names:
            count = f"{len(names):,} classes are" if len(names) > 1 else "1 class is"
            yield Check(None, f"{count} {what}", f"{some_names(names[:NAMED], len(names))}.")


def _change(change: float, low: float, high: float) -> str:
    """Format a difference of fractions in percentage points, with its interval."""
    points, *ends = (f"{100 * value:+.2g}".replace("-", "\N{MINUS SIGN}") for value in (change, low, high))
    return f"{points} points (95 % interval {' to '.join(ends)})"
