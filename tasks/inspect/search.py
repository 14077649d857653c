"""Look for the nearest neighbors of all images, in tasks that read scores and write what they find."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from storage.arrays.npy import load_npz, save_npz
from storage.tables.digests import from_column
from tasks.dtypes import Float64, Int64, Mask
from tasks.planning.memory import neighbour_shards
from tasks.run.job import Job
from tasks.run.state import load_judging_scores
from tasks.run.worker import single_threaded
from tasks.statistics.duplicates import representatives
from tasks.statistics.near_duplicates import FEWEST
from tasks.statistics.neighbours import PATTERNS, Block, nearest, scales_of


class Search(NamedTuple):
    """What the search compares.

    Attributes
    ----------
    ids
        Row of the image that stands for all with the same bytes, for each image (n,).
    valid
        Whether each image is valid (n,).
    scales
        Factors of the scores on the leading patterns (k,); none if near-duplicates are not looked for.
    """

    ids: Int64
    valid: Mask
    scales: Float64

    @property
    def compared(self) -> Mask:
        """Whether each image is compared with the others (n,): one of all with the same bytes."""
        result: Mask = self.valid & (self.ids == np.arange(len(self.ids)))
        return result


def begin_search(job: Job) -> str | None:
    """Choose the images to compare, and the factors of their scores. Return why there is nothing to compare, or None.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged.
    """
    columns_of = [_columns(job, shard) for shard in range(job.plan.shards)]
    digests, valid, fitted = map(np.concatenate, zip(*columns_of, strict=True))
    search = Search(representatives(digests, valid, fitted), valid, np.empty(0))
    problem = _problem(job, int(search.compared.sum()))
    if problem is None:
        search = search._replace(scales=scales_of(_deviations(job, search.compared)))
        problem = None if search.scales.any() else "All images have the same scores."
    save_npz(job.paths.work.search, **search._asdict())
    return problem and f"Near-duplicates were not looked for. {problem}"


def _columns(job: Job, shard: int) -> tuple[np.ndarray, Mask, Mask]:
    part = job.part(shard, ["digest", "reason"])
    return from_column(part["digest"]), np.asarray(pc.is_null(part["reason"])), job.used(shard)


def _problem(job: Job, images: int) -> str | None:
    most = job.settings.judging.neighbours
    if images > most:
        return f"There are {images:,} different images; --neighbours allows {most:,}."
    if images < FEWEST:
        return f"There are {images:,} different images; the search needs {FEWEST}."
    return None


def load_search(job: Job) -> Search:
    """Read what the search compares."""
    return Search(**load_npz(job.paths.work.search))


def _deviations(job: Job, compared: Mask) -> Float64:
    """Deviation of the compared images' scores on each leading pattern (k,)."""
    count, sums, squares = 0, np.zeros(1), np.zeros(1)
    for shard in range(job.plan.shards):
        scores = load_judging_scores(job, shard)[compared[job.plan.rows(shard)], :PATTERNS].astype(np.float64)
        count, sums, squares = count + len(scores), sums + scores.sum(axis=0), squares + (scores**2).sum(axis=0)
    deviations: Float64 = np.sqrt(np.maximum(squares / count - (sums / count) ** 2, 0))
    return deviations


class _Scaled:
    """The scaled scores of the compared images, in blocks that can be read several times."""

    def __init__(self, job: Job, search: Search) -> None:
        self._job, self._compared = job, search.compared
        self._scales = search.scales[search.scales > 0].astype(np.float32)
        self._patterns = np.flatnonzero(search.scales)

    def __iter__(self) -> Iterator[Block]:
        for first in neighbour_shards(self._job.plan):
            yield self.of_task(first)

    def of_task(self, first: int) -> Block:
        """Rows and scaled scores of the images of a task."""
        found = [self._of_shard(shard) for shard in shards_of_task(self._job, first)]
        return np.concatenate([rows for rows, _ in found]), np.concatenate([scores for _, scores in found])

    def _of_shard(self, shard: int) -> Block:
        rows = self._job.plan.rows(shard)
        compared = np.flatnonzero(self._compared[rows.start : rows.stop])
        scores = load_judging_scores(self._job, shard)[compared[:, None], self._patterns]
        return rows.start + compared, scores * self._scales


def shards_of_task(job: Job, first: int) -> range:
    """Shards of the task that begins with a shard."""
    return range(first, min(first + neighbour_shards(job.plan).step, job.plan.shards))


@single_threaded
def search_shards(job: Job, first: int) -> int:
    """Find the nearest neighbors of the images of a task, from its first shard on, and write them.

    Returns
    -------
    int
        Number of shards of the task.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged, or the disk refuses the write.
    """
    scaled = _Scaled(job, load_search(job))
    rows, scores = scaled.of_task(first)
    found = nearest((rows, scores), scaled)
    save_npz(job.paths.work.neighbours(first), own=rows, **found._asdict())
    return len(shards_of_task(job, first))
