"""Associate the patterns of a finished run with a column of lists: several labels an image, each of them yes or no."""

import numpy as np

from storage.errors import InputError
from tasks.columns.category_tables import Tables
from tasks.columns.images import RunImages, Sides
from tasks.columns.label_lists import LabelLists
from tasks.columns.label_tables import Ranked, averages, label_rows
from tasks.columns.target_tables import PatternTests, held_out_row, summary_of_shares
from tasks.columns.targets import Targets
from tasks.columns.values import Column
from tasks.dtypes import Float64, Mask
from tasks.run.worker import single_threaded
from tasks.statistics.least import LEAST
from tasks.statistics.regression import JUDGED, fit_learned


@single_threaded
def associate_labels(images: RunImages, column: Column) -> Tables:
    """Return the columns of each table of a column of lists of labels.

    Raises
    ------
    InputError
        If there are no labels.
    EigenwaveError
        If scores are missing or damaged.
    """
    lists = LabelLists.of(column.values)
    sides = Sides.of(images, lists.codes, seen=False)
    _require_labels(column, lists, sides)
    targets = Targets.of(images, sides, lists.sets)
    sums, judging = targets.pattern_sums(), targets.judging_sums()
    number = len(lists.names)
    known = _frequent(sums.targets.sum(axis=0)[:number], sums.counts.sum())
    judged = _frequent(judging.targets[JUDGED, :number], judging.counts[JUDGED])
    tests, ranked = PatternTests(targets, sums, known), Ranked.of(targets, fit_learned(judging), judged)
    found, held_out = averages(targets, ranked, judged), held_out_row(targets, judging, judged)
    tops = [lists.names[top] if top >= 0 else None for top in tests.tops]
    leading = {"held_out": "area", "held_out_shuffled": "shuffled_area", "held_out_p_value": "area_p_value"}
    summary = summary_of_shares(targets, sums, known) | {
        "values": lists.every,
        "significant_patterns": tests.significant,
        "chance": 0.5,
        **{name: found[other][0] for name, other in leading.items()},
    }
    return {
        "column_summary": {name: [value] for name, value in summary.items()},
        "column_values": label_rows(lists.names, targets, sums, tests, ranked),
        "column_patterns": tests.columns() | {"top_value": tops},
        "column_averages": found,
        "column_held_out": held_out,
    }


def _frequent(own: Float64, images: int) -> Mask:
    """Whether enough images have each label, and enough lack it (L,), from the numbers that have it (L,)."""
    return np.asarray(np.minimum(own, images - own) >= LEAST.interval)


def _require_labels(column: Column, lists: LabelLists, sides: Sides) -> None:
    if not sides.sampled.any():
        raise InputError(f"The column {column.name!r} has no value for the images that patterns are fitted on.")
    if not lists.names:
        raise InputError(f"All lists of the column {column.name!r} are empty; choose a column of lists with labels.")
