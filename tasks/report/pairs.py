"""The pairs of images that the report shows side by side: copies in several splits, under several labels, or in one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dtypes import Mask

SHOWN = 12  # pairs of a kind in the report
SIDES = ("row", "other_row")
COMPARED = [*SIDES, "split", "other_split", "class_id", "other_class_id", "exact"]  # what the kinds follow from
KINDS = ("leak", "near leak", "conflict", "near conflict", "exact duplicate", "near-duplicate")


def pairs_by_kind(pairs: pa.Table) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Choose the first pairs of each kind that occurs.

    A pair in two splits whose labels differ is both a leak and a conflict.

    Parameters
    ----------
    pairs
        The table `near_duplicates`, which has the nearest pairs first, or at least its columns `COMPARED`.
    """
    exact = np.asarray(pairs["exact"])
    elsewhere = _differ(pairs, "split")
    conflicting = _differ(pairs, "class_id") & _labelled(pairs, "class_id") & _labelled(pairs, "other_class_id")
    alike = ~elsewhere & ~conflicting
    chosen = (elsewhere & exact, elsewhere & ~exact, conflicting & exact, conflicting & ~exact, alike & exact)
    every = dict(zip(KINDS, (*chosen, alike & ~exact), strict=True))
    return {
        kind: pairs.take(pa.array(np.flatnonzero(mask)[:SHOWN])).to_pylist()
        for kind, mask in every.items()
        if mask.any()
    }


def _differ(pairs: pa.Table, name: str) -> Mask:
    mine, other = (pc.cast(pairs[column], pa.string()) for column in (name, f"other_{name}"))
    return np.asarray(pc.not_equal(mine, other))


def _labelled(pairs: pa.Table, name: str) -> Mask:
    return np.asarray(pc.greater_equal(pairs[name], 0))
