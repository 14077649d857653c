"""Say which images are not independent of others, and what that does to the numbers."""

from tasks.report.checks import Check
from tasks.report.verdict import Row

FEW = 0.01  # repeated images up to this part are noted; more fail, since they tell of a mistake in the dataset


def independence(row: Row, conflicting: int, *, grouped: bool, copies_known: bool) -> list[Check]:
    """List what a run says of repeated images and of groups.

    Parameters
    ----------
    row
        Row of the table `learnability`. Runs of earlier versions, which counted every image, say nothing.
    conflicting
        Number of images that are there under more than one class.
    grouped
        Whether the settings name groups of images.
    copies_known
        Whether the checks of copies say which images of other splits have the bytes of a fitted image.
    """
    if row.get("units") is None:
        return []
    leaks = [] if copies_known and not grouped else _leaks(row)
    return [*_repeats(row), *_conflicts(conflicting), *leaks, *(_groups(row) if grouped else [])]


def _repeats(row: Row) -> list[Check]:
    repeats, images = row["repeats"], row["n"] + row["repeats"]
    if not repeats:
        return []
    claim = f"{repeats:,} of {images:,} images have the same bytes as another"
    evidence = "Images with the same bytes and label count once in all numbers here. eigenwave check lists them."
    return [Check(None if repeats <= FEW * images else False, claim, evidence)]


def _conflicts(conflicting: int) -> list[Check]:
    if not conflicting:
        return []
    claim = f"{conflicting:,} image{' is' if conflicting == 1 else 's are'} there under more than one class"
    evidence = "At most one of the labels is right. eigenwave check lists them."
    return [Check(passed=False, claim=claim, evidence=evidence)]


def _leaks(row: Row) -> list[Check]:
    if not row["leaked"]:
        return []
    claim = f"{row['leaked']:,} held-out images are not unseen"
    evidence = "A fitted image has their bytes or belongs to their group. Held-out numbers leave them out."
    return [Check(passed=None, claim=claim, evidence=evidence)]


def _groups(row: Row) -> list[Check]:
    worth = row["effective_images"]
    claim = f"The {row['n']:,} images come in {row['units']:,} groups"
    if worth is None:
        evidence = (
            "A class lies in one group only, or there are too many classes, so differences between classes cannot be "
            "separated from those between groups."
        )
        return [Check(passed=False, claim=claim, evidence=evidence)]
    evidence = (
        f"For class means they are worth {worth:,.0f} independent images. Shuffles and held-out checks keep groups "
        "together."
    )
    return [Check(passed=None, claim=claim, evidence=evidence)]
