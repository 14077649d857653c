"""Associate the patterns of a finished run with a column of numbers or dates."""

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from storage.errors import InputError
from tasks.columns.category_tables import Tables
from tasks.columns.images import RunImages, Sides
from tasks.columns.target_tables import PatternTests, held_out_row, summary_of_shares
from tasks.columns.targets import Targets
from tasks.columns.values import Column
from tasks.dtypes import Float64
from tasks.run.worker import single_threaded
from tasks.statistics.target_sums import standardized

DAY = 24 * 3600 * 10**6  # microseconds


@single_threaded
def associate_numbers(images: RunImages, column: Column) -> Tables:
    """Return the columns of each table of a column of numbers or dates.

    Raises
    ------
    InputError
        If the fitted images have no value, or only one.
    EigenwaveError
        If scores are missing or damaged.
    """
    values, codes = np.unique(as_numbers(column.values), return_inverse=True)
    there = ~np.isnan(values)
    sides = Sides.of(images, np.where(there[codes], codes, -1), seen=False)
    different = np.unique(sides.codes[sides.sampled])
    _require_different(column, values[different])
    targets = Targets.of(images, sides, csr_matrix(standardized(values[there])[:, None]))
    sums, known = targets.pattern_sums(), np.ones(1, np.bool_)
    tests, held_out = PatternTests(targets, sums, known), held_out_row(targets, targets.judging_sums(), known)
    summary = summary_of_shares(targets, sums, known) | {
        "values": len(different),
        "significant_patterns": tests.significant,
        "chance": 0.0,  # R^2 of naming the mean
    }
    leading = {"held_out": "r_squared", "held_out_shuffled": "shuffled_r_squared", "held_out_p_value": "p_value"}
    return {
        "column_summary": {name: [value] for name, value in summary.items()}
        | {name: held_out[other] for name, other in leading.items()},
        "column_patterns": tests.columns(),
        "column_held_out": held_out,
    }


def as_numbers(values: pa.Array) -> Float64:
    """Return numbers, or dates as days since 1970-01-01 in UTC, as float64 (N,); NaN where they are null."""
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        zone = values.type.tz if pa.types.is_timestamp(values.type) else None
        times = values.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
        return as_numbers(times) / DAY
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _require_different(column: Column, values: Float64) -> None:
    if not len(values):
        raise InputError(f"The column {column.name!r} has no value for the images that patterns are fitted on.")
    if len(values) == 1:
        raise InputError(
            f"The column {column.name!r} has only one value in the fitted images, so there is nothing to compare; "
            "choose a column whose values differ."
        )
