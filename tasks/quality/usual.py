"""The usual values of all measures, from the dataset's own distribution."""

from typing import NamedTuple, Self

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.quality.columns import Columns, image_columns
from tasks.quality.kinds import MEASURES, Measure
from tasks.run.job import Job
from tasks.statistics.fences import Fences

SAMPLED = 2**18  # most images whose values are held to find quartiles; rows are evenly spaced
FEWEST = 20  # sampled images of a class that has a median of its own


class Usual(NamedTuple):
    """The usual values of a measure.

    Attributes
    ----------
    centres
        Median on the measure's scale, of each class and at the end of all images (C + 1,).
    fences
        Quartiles of what is left of the scaled values less their centers.
    """

    centres: Float64
    fences: Fences

    @classmethod
    def of(cls, measure: Measure, values: Float64, class_ids: Int64, classes: int) -> Self:
        """Find them for a sample of images, with values of the measured column (n,) and classes (n,)."""
        scaled = measure.scale.to(values)
        known = ~np.isnan(scaled)
        centres = np.full(classes + 1, np.median(scaled[known]) if known.any() else np.nan)
        if measure.by_class:
            for class_id, own in _of_classes(scaled[known], class_ids[known]):
                centres[class_id] = np.median(own)
        return cls(centres, Fences.of(scaled - centres[_places(class_ids)]))

    def centre(self, class_ids: Int64) -> Float64:
        """Center of each image (n,) by its class (n,), which is negative if it has none."""
        return self.centres[_places(class_ids)]


def find_usual(job: Job) -> list[Usual]:
    """Find the usual values of each of the `MEASURES`."""
    names = sorted({measure.column for measure in MEASURES})
    step = max(1, -(-job.plan.row_count // SAMPLED))
    pieces = []
    for shard in range(job.plan.shards):
        columns, start = image_columns(job, shard), job.plan.rows(shard).start
        some = slice(-start % step, None, step)
        classes = np.asarray(job.part(shard, ["class_id"])["class_id"], np.int64)
        pieces.append(([columns[name][some] for name in names], classes[some]))
    values = dict(zip(names, np.concatenate([np.stack(piece) for piece, _ in pieces], axis=1), strict=True))
    class_ids = np.concatenate([piece for _, piece in pieces])
    return [Usual.of(measure, values[measure.column], class_ids, job.plan.classes) for measure in MEASURES]


def _places(class_ids: Int64) -> Int64:
    """Places of classes among the centers: the last, that of all, for an image without a class."""
    places: Int64 = np.maximum(class_ids, -1)
    return places


def _of_classes(values: Float64, class_ids: Int64) -> list[tuple[int, Float64]]:
    """Values of each class that has enough of them."""
    order = np.argsort(class_ids, kind="stable")
    found, starts = np.unique(class_ids[order], return_index=True)
    groups = zip(found.tolist(), np.split(values[order], starts[1:]), strict=True)
    return [(class_id, own) for class_id, own in groups if class_id >= 0 and len(own) >= FEWEST]


def deviations(columns: Columns, class_ids: Int64, usual: list[Usual]) -> list[Float64]:
    """Deviation (n,) of images by each of the `MEASURES`."""
    return [
        measure.deviation(columns, one.centre(class_ids), one.fences)
        for measure, one in zip(MEASURES, usual, strict=True)
    ]
