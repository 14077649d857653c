"""Say in plain words what a run's patterns have to do with a column."""

from collections.abc import Mapping
from typing import Any

from storage.datasets.findings import counted
from tasks.report.verdict import SIGNIFICANT, percent

Row = Mapping[str, Any]


def sentence(row: Row) -> str:
    """Say in one sentence what the patterns have to do with a column, from its row of the table `column_summary`."""
    name, differ = f"`{row['column']}`", differs(row)
    if row["held_out"] is None:
        found = _association(name, row) if differ else _no_sign(name)
        return f"{found}; there are too few unseen images to predict it for."
    unseen, chance, shuffled = _unseen(row)
    if predicted(row):
        return f"The patterns predict {name}: {unseen} ({', '.join(part for part in (chance, shuffled) if part)})."
    if differ:
        return f"{_association(name, row)}, but do not predict it: {unseen}{chance and f', {chance}'}."
    return f"{_no_sign(name)}: {unseen}{chance and f', {chance}'}."


def _association(name: str, row: Row) -> str:
    found, most = percent(row["learnability"]), percent(row["learnability_shuffled_max"])
    if row["kind"] == "categorical":
        return f"The patterns differ between the values of {name} (learnability {found}, shuffled at most {most})"
    return f"The patterns go with {name} (they explain {found} of its variance, shuffled at most {most})"


def _unseen(row: Row) -> tuple[str, str, str]:
    """How well unseen images are predicted, by chance, and after shuffling; nothing where that needs no words."""
    found, chance, shuffled = row["held_out"], row["chance"], row["held_out_shuffled"]
    if row["kind"] == "labels":
        area = f"the area under the curve of unseen images is {found:.3f}, a mean over labels"
        return area, f"by chance {chance:.1f}", f"shuffled at most {shuffled:.3f}"
    if row["kind"] != "categorical":
        return f"R² on unseen images is {found:z.3f}", "", f"shuffled at most {shuffled:z.3f}"
    right = f"{percent(found)} of unseen images get their right value"
    return right, f"by chance {percent(chance)}", f"shuffled {percent(shuffled)}"


def predicted(row: Row) -> bool:
    """Whether the values of unseen images are predicted better than by chance, and than after shuffling."""
    found = row["held_out"]
    if found is None or found <= max(row["chance"], row["held_out_shuffled"] or 0.0):
        return False
    return row["kind"] != "categorical" or bool(row["held_out_p_value"] < SIGNIFICANT)


def differs(row: Row) -> bool:
    """Whether the scores differ between the values more than between shuffled values."""
    value, control = row["learnability"], row["learnability_shuffled_max"]
    return bool(value is not None and control is not None and value > control)


def _no_sign(name: str) -> str:
    return f"We found no sign of {name} in the patterns"


def counts(row: Row) -> str:
    """Say how many images a column was asked about, and what was left out."""
    different = "labels" if row["kind"] == "labels" else "values"
    text = f"{row['kind']}, {row['source']}: {row['images']:,} fitted images with {row['values']:,} {different}"
    if row["missing"]:
        text += f"; {counted(row['missing'], 'image without a value', 'was', 'were')} left out"
    if row["unknown_keys"]:
        text += f"; {counted(row['unknown_keys'], 'row', 'names', 'name')} no image of the run"
    return f"{text}."
