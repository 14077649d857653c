"""Words for the learning curve: whether more images would help."""

from collections.abc import Sequence

from tasks.report.verdict import Row, percent

LITTLE = 0.005  # of accuracy


def more_images(curve: Sequence[Row]) -> str | None:
    """Say what twice and ten times as many images would give; None if nothing could be predicted.

    Parameters
    ----------
    curve
        Rows of the table `learning_curve`.
    """
    known = {row["images"]: row["accuracy"] for row in curve if row["accuracy"] is not None}
    learned = curve[0]["learned"] if curve else 0
    if not {learned, 2 * learned} <= set(known):
        return None
    now, twice, most = known[learned], known[2 * learned], known[max(known)]
    count = f"With {learned:,} images, a linear classifier is right on {percent(now)} of unseen images. "
    if most - now < LITTLE:
        return f"{count}More images would hardly help: even with {max(known):,}, it would be right on {percent(most)}."
    if twice - now < LITTLE:
        return f"{count}Twice as many would hardly change that; {max(known):,} would raise it to {percent(most)}."
    return f"{count}Twice as many would raise that to {percent(twice)}, and {max(known):,} to {percent(most)}."


def curve_rows(curve: Sequence[Row]) -> list[Row]:
    """Rows of the table that have a prediction."""
    return [row for row in curve if row["r_squared"] is not None]
