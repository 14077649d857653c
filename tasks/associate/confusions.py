"""Which classes the judges take for which others, how often, and with which image each pair is shown."""

import numpy as np
import pyarrow as pa

from tasks.dtypes import Int64

OTHERS = 5  # other classes that a class is shown with, by an image each
SHOWN = 1000  # such images of all classes, or one of each class
PAIR = ["class_id", "likely_class_id"]


def confused(suspects: pa.Table, before: pa.Table | None = None) -> pa.Table:
    """Count suspects by their class and the likely one, and find the clearest of each such pair of classes.

    Parameters
    ----------
    suspects
        Suspects with `class_id`, `likely_class_id`, `row` and `label_logarithm`, the log-probability of the label.
    before
        What this function returned for other suspects, which is counted in.

    Returns
    -------
    pa.Table
        A row a pair of classes: these columns, those of an image being of the clearest suspect, and the number of
        `images`.
    """
    found = suspects.select([*PAIR, "row", "label_logarithm"])
    found = found.append_column("images", pa.array(np.ones(len(found), np.int64)))
    if before is not None:
        found = pa.concat_tables([before.select(found.column_names), found])
    found = found.sort_by([("label_logarithm", "ascending"), ("row", "ascending")])
    aggregated = [("row", "first"), ("label_logarithm", "first"), ("images", "sum")]
    grouped = found.group_by(PAIR, use_threads=False).aggregate(aggregated)
    return grouped.rename_columns([name.removesuffix("_first").removesuffix("_sum") for name in grouped.column_names])


def by_class(pairs: pa.Table) -> pa.Table:
    """Order pairs of classes by the class, and within it those of the most images first."""
    return pairs.sort_by([("class_id", "ascending"), ("images", "descending"), ("likely_class_id", "ascending")])


def shown(pairs: pa.Table, classes: int) -> Int64:
    """Return the places of the ordered pairs that are shown with an image: the first few of each class."""
    few = max(1, min(OTHERS, SHOWN // classes))
    class_ids = np.asarray(pairs["class_id"], np.int64)
    first = np.searchsorted(class_ids, class_ids)
    return np.flatnonzero(np.arange(len(class_ids)) - first < few)
