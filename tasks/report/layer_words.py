"""Say in plain words what a network's layer and the patterns have to do with each other."""

from collections.abc import Mapping
from typing import Any

from storage.datasets.findings import counted
from tasks.report.verdict import percent

Row = Mapping[str, Any]


def layer_sentence(row: Row) -> str:
    """Say how much of a layer the patterns predict, from its row of the table `explained_layers`."""
    name = f"`{row['layer']}`"
    if row["r_squared"] is None:
        return f"Nothing can be said of {name}: fewer than 50 images to learn from, or to judge, have features."
    if row["r_squared"] <= max(row["shuffled_r_squared"], 0.0):
        return f"The patterns predict nothing of {name}: R² on unseen images is {row['r_squared']:z.3f}."
    control = "" if row["control_r_squared"] is None else f", control {_positive(row['control_r_squared'])}"
    said = (
        f"The patterns predict {percent(row['r_squared'])} of the variance of {name} on unseen images (shuffled "
        f"{_positive(row['shuffled_r_squared'])}{control})."
    )
    if row["agreement"] is None:
        return said
    return (
        f"{said} They name the same class as the network for {percent(row['agreement'])} of unseen images (by chance "
        f"{percent(row['agreement_by_chance'])})."
    )


def layer_counts(row: Row) -> str:
    """Say of how many features and images this is."""
    missing = f"; {counted(row['missing'], 'image', 'has', 'have')} none" if row["missing"] else ""
    missing += (
        f"; {counted(row['unknown_keys'], 'row', 'names', 'name')} no image of the run" if row["unknown_keys"] else ""
    )
    return (
        f"{counted(row['features'], 'feature')}, {counted(row['learned'], 'image')} to learn from, {row['judged']:,} "
        f"unseen{missing}. "
        f"Centered kernel alignment {_three(row['alignment'])}, shuffled {_three(row['shuffled_alignment'])}."
    )


def _positive(share: float) -> str:
    """A share that is predicted; one below 0 says that nothing is."""
    return percent(max(share, 0.0))


def _three(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
