"""The images of each kind of issue, as lists that the reader of the report copies or downloads."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

LISTED = 1000  # images of a kind in the report; issues.csv has all
COLUMNS = ("key", "path", "split", "class_name", "severity", "suggestion")


def listed_by_kind(issues: pa.Table) -> dict[str, Mapping[str, Any]]:
    """The first images of each kind of issue: their number in all, and rows of `COLUMNS`.

    Parameters
    ----------
    issues
        The table `issues`, which has the most severe first.
    """
    kinds = issues["kind"].cast(pa.string())
    lists: dict[str, Mapping[str, Any]] = {}
    for kind in pc.unique(kinds).to_pylist():
        mine = issues.filter(pc.equal(kinds, kind))
        columns = mine.select(COLUMNS).slice(0, LISTED).to_pydict()
        columns["severity"] = [round(value, 3) for value in columns["severity"]]
        lists[kind] = {"found": len(mine), "rows": list(zip(*columns.values(), strict=True))}
    return lists
