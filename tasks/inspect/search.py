"""Look for the nearest neighbors of all images, in tasks that read scores and write what they find."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from storage.arrays.npy import load_npy, load_npz, save_npy, save_npz
from storage.tables.digests import from_column
from tasks.dtypes import Float32, Float64, Int64, Mask
from tasks.planning.memory import neighbour_shards
from tasks.run.job import Job
from tasks.run.state import judging_deviations, load_judging_scores
from tasks.run.worker import single_threaded
from tasks.statistics.duplicates import representatives
from tasks.statistics.mirror import PREDICTORS, fit_mirror, mirror
from tasks.statistics.near_duplicates import FEWEST
from tasks.statistics.neighbours import MIRRORED, PATTERNS, Block, Neighbours, nearest, scales_of


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
        search = search._replace(scales=scales_of(judging_deviations(job, search.compared, PATTERNS)))
        problem = None if search.scales.any() else "All images have the same scores."
    save_npz(job.paths.work.search, **search._asdict())
    return problem and f"Near-duplicates were not looked for. {problem}"


def _columns(job: Job, shard: int) -> tuple[np.ndarray, Mask, Mask]:
    part = job.part(shard, ["digest", "reason"])
    return from_column(part["digest"]), np.asarray(pc.is_null(part["reason"])), job.used(shard)


@single_threaded
def scale_scores(job: Job) -> None:
    """Write the scaled scores of the images to compare, and those that their mirror images should have.

    All tasks read them. They are much smaller than the scores that labels are judged by. Rows of features have no
    mirror image.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged, or the disk refuses the write.
    """
    search, fitted = load_search(job), _mirror(job) if job.space.pictured else None
    patterns = np.flatnonzero(search.scales)
    scales = search.scales[patterns].astype(np.float32)
    for shard in range(job.plan.shards):
        rows = job.plan.rows(shard)
        compared = np.flatnonzero(search.compared[rows.start : rows.stop])
        scores = load_judging_scores(job, shard)[compared]
        save_npz(job.paths.work.compared(shard), rows=rows.start + compared, scores=scores[:, patterns] * scales)
        if fitted is not None:
            # One product a shard, so that no score depends on how many shards a task has.
            mirrored = mirror(scores[:, : len(fitted) - 1].astype(np.float64), fitted).astype(np.float32)
            save_npy(job.paths.work.mirrored_scores(shard), mirrored[:, patterns] * scales)


def _mirror(job: Job) -> Float64:
    """Map from scores of images to those of their mirror images, which is fitted to the mirrored sample."""
    sample = load_npz(job.paths.work.mirrored)
    shards = sample["rows"] // job.plan.rows_per_shard
    own = [
        load_judging_scores(job, shard)[sample["rows"][shards == shard] - job.plan.rows(shard).start, :PREDICTORS]
        for shard in np.unique(shards).tolist()
    ]
    return fit_mirror(np.concatenate(own).astype(np.float64), sample["scores"].astype(np.float64))


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


class _Compared:
    """The scaled scores of the images of some tasks, in blocks that can be read several times."""

    def __init__(self, job: Job, tasks: range) -> None:
        self._job, self._tasks = job, tasks

    def __iter__(self) -> Iterator[Block]:
        for first in self._tasks:
            yield _of_task(self._job, first)


def _of_task(job: Job, first: int) -> Block:
    """Rows and scaled scores of the images of a task."""
    found = [load_npz(job.paths.work.compared(shard)) for shard in shards_of_task(job, first)]
    return np.concatenate([each["rows"] for each in found]), np.concatenate([each["scores"] for each in found])


def _mirrored(job: Job, first: int) -> Float32:
    """Scaled scores of the mirror images of a task."""
    return np.concatenate([load_npy(job.paths.work.mirrored_scores(shard)) for shard in shards_of_task(job, first)])


def shards_of_task(job: Job, first: int) -> range:
    """Shards of the task that begins with a shard."""
    return range(first, min(first + neighbour_shards(job.plan).step, job.plan.shards))


@single_threaded
def search_shards(job: Job, first: int) -> int:
    """Find the nearest neighbors of the images of a task, from its first shard on, and of their mirror images.

    Mirror images are compared with images in later rows: the mirror image of the other of a pair says the same.

    Returns
    -------
    int
        Number of shards of the task.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged, or the disk refuses the write.
    """
    tasks = neighbour_shards(job.plan)
    rows, scores = _of_task(job, first)
    found = nearest((rows, scores), _Compared(job, tasks))
    mirrored = Neighbours.none(len(rows))
    if job.space.pictured:
        later = _Compared(job, tasks[tasks.index(first) :])
        mirrored = nearest((rows, _mirrored(job, first)), later, MIRRORED, later=True)
    save_npz(
        job.paths.work.neighbours(first),
        own=rows,
        **found._asdict(),
        mirrored_rows=mirrored.rows,
        mirrored_distances=mirrored.distances,
    )
    return len(shards_of_task(job, first))
