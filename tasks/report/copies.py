"""Checks of copies: leaks from the fitted split into others, copies with different labels, and repeated images."""

from collections.abc import Sequence

from tasks.report.checks import Check
from tasks.report.verdict import Row, percent

LEAKED = 0.01  # largest part of the images of other splits that may be copies of fitted images; our own
WHERE = "The table near_duplicates lists the pairs."


def copy_checks(found: Sequence[Row]) -> list[Check]:
    """List the checks of copies from the row of the table `duplication`; runs of earlier versions have none."""
    if not found or found[0]["near_pairs"] is None:
        return [_not_looked_for(found)]
    row = found[0]
    return [check for check in (_leaks(row), _conflicts(row), _repeats(row)) if check is not None]


def _not_looked_for(found: Sequence[Row]) -> Check:
    reason = (
        "There are fewer than 21 different images, all look the same, or there are more than --neighbours allows."
        if found
        else "The run is of an earlier version."
    )
    return Check(passed=None, claim="Near-duplicates were not looked for", evidence=reason)


def _leaks(row: Row) -> Check | None:
    if not row["other_split"]:
        return None
    exact, leaked = row["exactly_leaked"], row["leaked"]
    if not leaked:
        evidence = f"None of {row['other_split']:,} images of other splits is a copy of a fitted image, exact or near."
        return Check(passed=True, claim="No unseen image is a copy", evidence=evidence)
    return Check(
        False if row["leaked_fraction"] > LEAKED else None,
        f"{percent(row['leaked_fraction'])} of unseen images are copies",
        f"{leaked:,} of {row['other_split']:,} images of other splits are copies of fitted images: {exact:,} have the "
        f"same bytes, {leaked - exact:,} look the same. At most {percent(LEAKED)} should be. Remove them from one "
        f"split. {WHERE}",
    )


def _conflicts(row: Row) -> Check | None:
    if not row["conflicts"]:
        return None
    pairs = "1 pair of copies has" if row["conflicts"] == 1 else f"{row['conflicts']:,} pairs of copies have"
    return Check(None, f"{pairs} different labels", f"At least one label of each pair is wrong. {WHERE}")


def _repeats(row: Row) -> Check:
    if not row["duplicates"]:
        evidence = "None is an exact or near copy of another."
        return Check(passed=True, claim="No two images show the same", evidence=evidence)
    return Check(
        None,
        f"{percent(row['duplicate_fraction'])} of the images are copies of others",
        f"{row['groups']:,} groups of images show the same, the largest {row['largest_group']:,} images. Without the "
        f"first one of each they are {row['duplicates']:,} images. {WHERE}",
    )
