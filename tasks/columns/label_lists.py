"""Read a column of lists: which labels each image has."""

from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from tasks.dtypes import Int64

MOST_LABELS = 500


class LabelLists(NamedTuple):
    """Which labels each image has.

    Attributes
    ----------
    names
        The labels (L,), the most frequent `MOST_LABELS` of all.
    sets
        Each different set of them, as 1 and 0 (C, L).
    codes
        Number of each row's set (N,); -1 for null.
    every
        Number of different labels, those that are left out among them.
    """

    names: list[str]
    sets: csr_matrix
    codes: Int64
    every: int

    @classmethod
    def of(cls, values: pa.Array) -> Self:
        """Read lists (N,): of labels, or of 0 and 1 for each of the same number of labels."""
        rows, labels = np.asarray(pc.list_parent_indices(values)), pc.list_flatten(values)
        if _are_indicators(values):
            places = np.arange(len(labels)) % (len(labels) // (len(values) - values.null_count))
            has = np.asarray(pc.fill_null(pc.equal(labels.cast(pa.int8()), 1), fill_value=False))
            rows, labels = rows[has], pa.array(places[has])
        there = np.asarray(labels.is_valid())
        found = labels.filter(pa.array(there)).cast(pa.string()).dictionary_encode()
        names, numbers = found.dictionary.to_pylist(), np.asarray(found.indices)
        has = csr_matrix((np.ones(len(numbers)), (rows[there], numbers)), (len(values), len(names)))
        has.data[:] = 1  # a label that is there twice counts once
        kept = np.argsort(-np.asarray(has.sum(axis=0)).ravel(), kind="stable")[:MOST_LABELS]
        has = has[:, kept]
        first, codes = _different(has)
        known = np.asarray(values.is_valid())
        return cls([names[one] for one in kept], has[first], np.where(known, codes, -1), len(names))


def _are_indicators(values: pa.Array) -> bool:
    """Whether lists are all of one length, above two, and hold nothing but 0 and 1: one of them is there twice."""
    lengths, items = pc.unique(pc.list_value_length(values)).drop_null(), pc.unique(pc.list_flatten(values)).drop_null()
    if len(lengths) != 1 or not (pa.types.is_integer(items.type) or pa.types.is_boolean(items.type)):
        return False
    return lengths[0].as_py() > len({0, 1}) and set(items.to_pylist()) <= {0, 1}


def _different(sets: csr_matrix) -> tuple[Int64, Int64]:
    """First row of each different row (C,), and the number of each row's (N,), by a random hash of 62 bits."""
    weights = np.random.default_rng(0).integers(1, 2**62, sets.shape[1])
    _, first, codes = np.unique(sets.astype(np.int64) @ weights, return_index=True, return_inverse=True)
    return first, codes
