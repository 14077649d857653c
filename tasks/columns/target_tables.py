"""What the tables of numbers and of several labels an image have in common."""

from typing import Any

import numpy as np

from tasks.columns.targets import Targets
from tasks.dtypes import Float64, Mask
from tasks.statistics.association import adjusted, expected_null, permutation_p_value, q_values, significant
from tasks.statistics.correlation import correlations, grouped_p_values, p_values
from tasks.statistics.first_order import places
from tasks.statistics.regression import JUDGED, LEARNED, Shares, held_out_r_squared, intervals
from tasks.statistics.target_sums import TargetSums


def mean_of(values: Float64, known: Mask) -> Float64:
    """Mean over the known numbers or labels of values (..., L), those that are NaN left out; NaN if there are none."""
    chosen = np.where(known, values, np.nan)
    with np.errstate(invalid="ignore"):
        result: Float64 = np.nansum(chosen, axis=-1) / np.isfinite(chosen).sum(axis=-1)
    return result


def summary_of_shares(targets: Targets, sums: TargetSums, known: Mask) -> dict[str, Any]:
    """Columns of the table `column_summary` on the fitted images: R^2, as a mean over the known targets (L,)."""
    whole = sums.whole()
    value, *shuffled = mean_of(targets.by_labelling(Shares.of(whole).r_squared), known)
    null = float(np.mean(shuffled)) if targets.grouped else expected_null(len(whole.scatter), whole.images)
    single = len(known) == 1 and not targets.grouped
    low, high = intervals(sums.first(1))[:, 0] if single else (np.nan, np.nan)
    return {
        "images": whole.images,
        "learnability": value,
        "learnability_adjusted": adjusted(float(value), null),
        "learnability_cap": 1.0,
        "ci_low": low,
        "ci_high": high,
        "learnability_shuffled": np.mean(shuffled),
        "learnability_shuffled_max": np.max(shuffled),
        "p_value": permutation_p_value(value, np.array(shuffled)),
    }


class PatternTests:
    """Correlation of each pattern with each number or label.

    Attributes
    ----------
    known
        Whether enough images have each label (L,).
    correlation, p_value, q_value
        Arrays (k, L); q-values are over all pairs.
    tops
        Number of the label that each pattern goes with most (k,); -1 if none is known.
    shuffled
        Largest magnitude of the correlations of each pattern over labels and shuffles (k,).
    """

    def __init__(self, targets: Targets, sums: TargetSums, known: Mask) -> None:
        true, *shuffled = np.where(known, targets.by_labelling(correlations(sums)), np.nan)
        self.known, own = known, sums.first(len(known))
        tested = grouped_p_values(own) if targets.grouped else p_values(true, int(sums.counts.sum()))
        self.correlation, self.p_value = true, np.where(known, tested, np.nan)
        self.q_value = q_values(self.p_value)
        self.tops = np.where(known.any(), np.nan_to_num(np.abs(true), nan=-1).argmax(axis=1), -1)
        self.shuffled = np.fmax.reduce(np.abs(shuffled), axis=(0, 2))

    @property
    def significant(self) -> float:
        """Number of patterns that go with a number or label at q < 0.05; NaN if none was tested."""
        return significant(np.fmin.reduce(self.q_value, axis=1))

    def columns(self) -> dict[str, Any]:
        """Columns of the table `column_patterns`: each pattern with the number or label it goes with most."""
        at = np.arange(len(self.tops)), self.tops
        correlation, p_value, q_value = (values[at] for values in (self.correlation, self.p_value, self.q_value))
        return {
            "pattern": at[0],
            "correlation": correlation,
            "null_correlation_max": self.shuffled,
            "p_value": p_value,
            "q_value": q_value,
            "association_rank": places(np.abs(correlation)),
        }


def held_out_row(targets: Targets, judging: TargetSums, known: Mask) -> dict[str, Any]:
    """Columns of the table `column_held_out`, one row: R^2 on unseen images, as a mean over the known targets (L,)."""
    value, *shuffled = mean_of(targets.by_labelling(held_out_r_squared(judging)), known)
    sides = targets.sides
    row = {
        "method": "ridge",
        "r_squared": value,
        "shuffled_r_squared": np.max(shuffled),
        "p_value": permutation_p_value(value, np.array(shuffled)),
        "patterns": judging.products.shape[1],
        "learned": judging.counts[LEARNED],
        "judged": judging.counts[JUDGED],
        "judged_units": sides.judged_units,
        "left_out": int(sides.held_out.sum() - sides.judged.sum()),
    }
    return {name: [entry] for name, entry in row.items()}
