"""The classes that each class is mixed up with, each shown by an image and one that it resembles."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

LISTED = 5  # others of a class
PICTURED = 100  # pairs of classes with pictures


class Other(NamedTuple):
    """A class that images of another one look more like.

    `share` is the part of that one's judged images which do. `rows` are the image whose label fits worst, and the one
    of this class that it resembles; empty if they are not shown.
    """

    class_id: int
    share: float
    rows: Sequence[int] = ()


def mixed_up(confusions: pa.Table) -> dict[int, list[Other]]:
    """List the first few others of each class from the table `confusions`.

    The most frequent pairs of classes have pictures: of each class its first other before any class's second.
    """
    found: dict[int, list[Other]] = {}
    for row in confusions.filter(pc.is_valid(confusions["row"])).to_pylist():
        others = found.setdefault(row["class_id"], [])
        rows = [row[name] for name in ("row", "similar_row") if row[name] is not None]
        others.append(Other(row["likely_class_id"], row["share"], rows))
    pairs = [
        (place, -other.share, class_id) for class_id, others in found.items() for place, other in enumerate(others)
    ]
    for place, _, class_id in sorted(pairs)[PICTURED:]:
        found[class_id][place] = found[class_id][place]._replace(rows=())
    return found


def counted(judged: pa.Table) -> dict[int, list[Other]]:
    """List the first few others of each class from the table `samples`, for runs without the table `confusions`."""
    counts = judged.group_by(["class_id", "likely_class_id"]).aggregate([([], "count_all")]).to_pylist()
    judged_of: dict[int, int] = {}
    for row in counts:
        judged_of[row["class_id"]] = judged_of.get(row["class_id"], 0) + row["count_all"]
    found: dict[int, list[Other]] = {}
    for row in sorted(counts, key=lambda row: (-row["count_all"], row["likely_class_id"])):
        mine, other = row["class_id"], row["likely_class_id"]
        if mine != other and len(found.setdefault(mine, [])) < LISTED:
            found[mine].append(Other(other, row["count_all"] / judged_of[mine]))
    return found
