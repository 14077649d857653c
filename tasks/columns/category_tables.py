"""The tables of a column of categories, from the results of its values as classes."""

from typing import Any, NamedTuple, Self

import numpy as np

from tasks.columns.images import Sides
from tasks.dtypes import Float64, Int64
from tasks.statistics.association import adjusted, cap, learnability, permutation_p_value
from tasks.statistics.first_order import FirstOrder
from tasks.statistics.held_out import METHODS, accuracies
from tasks.statistics.scatter import ClassScatter

QUADRATIC = METHODS.index("quadratic")
TOP = 3  # patterns of each value
# Columns of the table `column_summary`, and those of `column_held_out` that they repeat.
REPEATED = {
    "held_out": "accuracy",
    "held_out_balanced": "balanced_accuracy",
    "held_out_shuffled": "shuffled_accuracy",
    "majority": "majority_rate",
    "chance": "null_accuracy",
    "held_out_p_value": "p_value",
}

Tables = dict[str, dict[str, Any]]


class HeldOut(NamedTuple):
    """How well the values of judged images are predicted.

    Attributes
    ----------
    columns
        Columns of the table `column_held_out`.
    judged, right
        Number of judged images of each value, and of those that the quadratic classifier predicts (C,).
    """

    columns: dict[str, Any]
    judged: Int64
    right: Int64

    @classmethod
    def of(cls, sides: Sides, scatter: ClassScatter, judged: Int64, right: Int64) -> Self:
        """Make the columns.

        Parameters
        ----------
        sides
            Which images are held out, and which of them are judged.
        scatter
            Moments of the images learned from.
        judged
            Number of judged images of each value, under true and shuffled values (2, C).
        right
            Number of those that each method predicts (2, 2, C).
        """
        learned = scatter.counts[0].sum(axis=0)
        columns = accuracies(learned, judged, right, sides.judged_units, other_split=sides.other_split)
        left_out = int(sides.held_out.sum() - sides.judged.sum())
        columns |= {
            "patterns": [scatter.sums.shape[-1], scatter.class_cross.shape[-1]],
            "left_out": [left_out] * len(METHODS),
        }
        return cls(columns, judged[0], right[QUADRATIC, 0])


def category_tables(names: list[str], order: FirstOrder, held_out: HeldOut) -> Tables:
    """Return the columns of each table, from the names of the values (C,) and the results."""
    repeated = {name: [held_out.columns[other][QUADRATIC]] for name, other in REPEATED.items()}
    tops = [names[top] if top >= 0 else None for top in order.top_classes()]
    return {
        "column_summary": _summary(order) | repeated,
        "column_values": _values(names, order, held_out),
        "column_patterns": order.by_pattern() | {"pattern": np.arange(order.rank), "top_value": tops},
        "column_held_out": held_out.columns,
    }


def _summary(order: FirstOrder) -> dict[str, Any]:
    """Columns of the table `column_summary` on the fitted images."""
    sums, shuffled = order.sums, order.shuffled.learnability
    value, values = learnability(sums.counts, sums.sums, sums.cross), int((sums.counts > 0).sum())
    row = {
        "images": order.images,
        "values": values,
        "learnability": value,
        "learnability_adjusted": adjusted(value, order.null),
        "learnability_cap": cap(order.rank, values),
        "ci_low": order.intervals.learnability[0],
        "ci_high": order.intervals.learnability[1],
        "learnability_shuffled": shuffled.mean(),
        "learnability_shuffled_max": shuffled.max(),
        "p_value": permutation_p_value(value, shuffled),
        "significant_patterns": order.significant[0],
    }
    return {name: [entry] for name, entry in row.items()}


def _values(names: list[str], order: FirstOrder, held_out: HeldOut) -> dict[str, Any]:
    """Columns of the table `column_values`."""
    with np.errstate(invalid="ignore"):
        accuracy = held_out.right / held_out.judged
    effects = order.by_pair.cohens_d.T
    tops = [top_patterns(row) for row in effects]
    return {
        "value": names,
        "images": order.sums.counts,
        "judged": held_out.judged,
        "held_out": accuracy,
        "patterns": [top.tolist() for top in tops],
        "cohens_d": [row[top].tolist() for row, top in zip(effects, tops, strict=True)],
    }


def top_patterns(effects: Float64) -> Int64:
    """Numbers of the patterns with the largest magnitudes of Cohen's d (k,), without those that have none."""
    known = np.flatnonzero(~np.isnan(effects))
    return known[np.argsort(-np.abs(effects[known]), kind="stable")[:TOP]]
