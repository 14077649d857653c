"""Say in plain words what a run's patterns have to do with a column."""

from collections.abc import Mapping
from typing import Any

from tasks.report.verdict import SIGNIFICANT, percent

Row = Mapping[str, Any]


def sentence(row: Row) -> str:
    """Say in one sentence what the patterns have to do with a column, from its row of the table `column_summary`."""
    name, differ = f"`{row['column']}`", differs(row)
    numbers = percent(row["learnability"] or 0.0), percent(row["learnability_shuffled_max"] or 0.0)
    association = "learnability {}, shuffled at most {}".format(*numbers)
    if row["held_out"] is None:
        found = f"The patterns differ between the values of {name} ({association})" if differ else _no_sign(name)
        return f"{found}; there are no unseen images to predict it for."
    right, chance = percent(row["held_out"]), percent(row["chance"])
    if predicted(row):
        return (
            f"The patterns predict {name}: {right} of unseen images get their right value (by chance {chance}, "
            f"shuffled {percent(row['held_out_shuffled'])})."
        )
    unseen = f"{right} of unseen images get their right value, {chance} by chance"
    if differ:
        return f"The patterns differ between the values of {name} ({association}), but do not predict it: {unseen}."
    return f"{_no_sign(name)}: {unseen}."


def predicted(row: Row) -> bool:
    """Whether the values of unseen images are predicted more often than by chance, and than after shuffling."""
    p_value, right, shuffled = (row[name] for name in ("held_out_p_value", "held_out", "held_out_shuffled"))
    known = p_value is not None and right is not None
    return bool(known and p_value < SIGNIFICANT and right > (shuffled or 0.0))


def differs(row: Row) -> bool:
    """Whether the scores differ between the values more than between shuffled values."""
    value, control = row["learnability"], row["learnability_shuffled_max"]
    return bool(value is not None and control is not None and value > control)


def _no_sign(name: str) -> str:
    return f"We found no sign of {name} in the patterns"


def counts(row: Row) -> str:
    """Say how many images a column was asked about, and what was left out."""
    text = f"{row['kind']}, {row['source']}: {row['images']:,} fitted images with {row['values']:,} values"
    if row["missing"]:
        text += f"; {row['missing']:,} images without a value were left out"
    if row["unknown_keys"]:
        text += f"; {row['unknown_keys']:,} rows name no image of the run"
    return f"{text}."
