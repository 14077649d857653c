"""The tables of near-duplicates, and of how many there are."""

import numpy as np
import pyarrow as pa

from tasks.dtypes import Int64
from tasks.inspect.copies import Copies
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.neighbours import PATTERNS

MOST_PAIRS = 1_000_000  # rows of the table; the nearest pairs
DESCRIBED = ("key", "split", "class_id")


def tabulate_copies(job: Job, copies: Copies) -> None:
    """Write the tables `near_duplicates` and `duplication`."""
    tables = ResultTables(job)
    tables.write("near_duplicates", _pairs(job, copies))
    tables.write("duplication", _numbers(job, copies))


def _pairs(job: Job, copies: Copies) -> dict[str, object]:
    """Columns of the pairs, nearest first."""
    pairs = copies.pairs
    exact = np.arange(len(pairs.first)) < copies.exact
    order = np.lexsort((pairs.second, pairs.first, pairs.relative, ~exact))[:MOST_PAIRS]
    first, second = pairs.first[order], pairs.second[order]
    rows = np.union1d(first, second)
    known = _described(job, rows)
    mine, others = (known.take(np.searchsorted(rows, each)) for each in (first, second))
    return {
        "row": first,
        "other_row": second,
        **{name: mine[name] for name in DESCRIBED},
        **{f"other_{name}": others[name] for name in DESCRIBED},
        "distance": pairs.distance[order],
        "relative_distance": pairs.relative[order],
        "exact": exact[order],
        "mirrored": pairs.mirrored[order] if copies.near is not None and job.space.pictured else [None] * len(order),
        "group": copies.group[first],
    }


def _described(job: Job, rows: Int64) -> pa.Table:
    """Read key, split and class of some ascending rows."""
    shards = rows // job.plan.rows_per_shard
    found = [
        job.part(shard, list(DESCRIBED)).take(rows[shards == shard] - job.plan.rows(shard).start)
        for shard in [0, *np.unique(shards[shards > 0]).tolist()]
    ]
    return pa.concat_tables(found).unify_dictionaries().combine_chunks()


def _numbers(job: Job, copies: Copies) -> dict[str, object]:
    near = copies.near
    sizes = np.bincount(copies.group[copies.group >= 0])
    duplicates, leaked = int(copies.duplicate.sum()), int(copies.leaked.sum())
    row = {
        "images": copies.images,
        "exact_pairs": copies.exact,
        "near_pairs": None if near is None else int((~copies.pairs.mirrored).sum()) - copies.exact,
        "mirrored_pairs": int(copies.pairs.mirrored.sum()) if near is not None and job.space.pictured else None,
        "groups": len(sizes),
        "largest_group": int(sizes.max(initial=0)),
        "duplicates": duplicates,
        "duplicate_fraction": np.nan if near is None or not copies.images else duplicates / copies.images,
        "other_split": copies.other,
        "exactly_leaked": copies.exactly_leaked,
        "leaked": leaked,
        "leaked_fraction": np.nan if near is None or not copies.other else leaked / copies.other,
        "conflicts": copies.conflicts,
        "largest_ratio": np.nan if near is None else near.rule.ratio,
        "patterns": min(PATTERNS, job.plan.judged_rank),
        "intrinsic_dimension": np.nan if near is None else near.dimension,
        "two_nn_dimension": np.nan if near is None else near.two_neighbors,
    }
    return {name: [value] for name, value in row.items()}
