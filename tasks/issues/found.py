"""What each module of this room gives: the issues of a kind, by row, with a severity that all kinds share.

Severity is the probability that something is wrong, times the importance of the kind: what it costs if nobody acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.dtypes import Float64, Int64

WRONG_LABEL, CONFLICT, LEAK, DUPLICATE, UNREADABLE = (
    "wrong label",
    "conflict",
    "leak",
    "exact duplicate",
    "unreadable",
)
NEAR_CONFLICT, NEAR_LEAK, NEAR_DUPLICATE = "near conflict", "near leak", "near-duplicate"
# A wrong label and a conflict teach a wrong class. A leak makes every test result better than it is. An unreadable
# image is lost, but does no harm. A copy in the same split only weighs twice. Near-duplicates matter less than exact
# copies, since they may be two good images of one thing.
IMPORTANCE: Mapping[str, float] = {
    WRONG_LABEL: 1.0,
    CONFLICT: 1.0,
    LEAK: 0.9,
    NEAR_CONFLICT: 0.8,
    NEAR_LEAK: 0.8,
    UNREADABLE: 0.6,
    DUPLICATE: 0.3,
    NEAR_DUPLICATE: 0.2,
}
# An image of bad quality may be right, and teaches little in any case.
IMPORTANCE_OF_QUALITY = 0.4
MOST = 100_000  # issues of a kind that are listed

FOUND = pa.schema(
    {
        "row": pa.int64(),
        "kind": pa.string(),
        "severity": pa.float64(),
        "suggestion": pa.string(),
        "suggested_class_id": pa.int32(),
        "other_key": pa.string(),
        "evidence": pa.string(),
    }
)


@dataclass(frozen=True)
class Found:
    """The issues of a kind.

    Attributes
    ----------
    kind
        The kind.
    count
        Number of all issues of the kind.
    issues
        The most severe of them (schema `FOUND`), at most `MOST`.
    """

    kind: str
    count: int
    issues: pa.Table

    @classmethod
    def of(cls, kind: str, count: int, columns: Mapping[str, Any]) -> "Found":
        """Make the issues of a kind from columns; those that are missing are null."""
        rows = len(columns["row"])
        given = {"kind": pa.repeat(kind, rows), **columns}
        arrays = [
            pa.array(given[field.name], field.type) if field.name in given else pa.nulls(rows, field.type)
            for field in FOUND
        ]
        return cls(kind, count, pa.Table.from_arrays(arrays, schema=FOUND))


def most_severe(severity: Float64, rows: Int64) -> Int64:
    """Positions of the `MOST` most severe issues of images (n,), in this order; the first row first if equal."""
    return np.lexsort((rows, -severity))[:MOST]
