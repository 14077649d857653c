"""Checks of copies: leaks from the fitted split into others, copies with different labels, and repeated images."""

from collections.abc import Sequence

from storage.datasets.findings import counted
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
        evidence = f"None of {row['other_split']:,} images of other splits is {_copy(row)} of a fitted image."
        return Check(passed=True, claim="No unseen image is a copy", evidence=evidence)
    return Check(
        False if row["leaked_fraction"] > LEAKED else None,
        f"{percent(row['leaked_fraction'])} of unseen images are copies",
        f"{leaked:,} of {row['other_split']:,} images of other splits are copies of fitted images: {exact:,} have the "
        f"same bytes, {leaked - exact:,} show the same{_also(row)}. At most {percent(LEAKED)} should be. Remove them "
        f"from one split. {WHERE}",
    )


def _conflicts(row: Row) -> Check | None:
    if not row["conflicts"]:
        return None
    pairs = counted(row["conflicts"], "pair of copies", "has", "have")
    return Check(None, f"{pairs} different labels", f"At least one label of each pair is wrong. {WHERE}")


def _repeats(row: Row) -> Check:
    if not row["duplicates"]:
        evidence = f"None is {_copy(row)} of another."
        return Check(passed=True, claim="No two images show the same", evidence=evidence)
    return Check(
        None,
        f"{percent(row['duplicate_fraction'])} of the images are copies of others",
        f"{counted(row['groups'], 'group of images', 'shows', 'show')} the same, the largest "
        f"{counted(row['largest_group'], 'image')}. Without the first one of each they are "
        f"{counted(row['duplicates'], 'image')}. {WHERE}",
    )


def _copy(row: Row) -> str:
    """The kinds of copies that were looked for; runs of earlier versions did not look for mirrored ones."""
    return "an exact or near copy" if row["mirrored_pairs"] is None else "an exact, near or mirrored copy"


def _also(row: Row) -> str:
    return ", perhaps mirrored" if row["mirrored_pairs"] else ""
