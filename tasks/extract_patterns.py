"""From the passes to the patterns, and what must be known before images are projected onto them."""

import numpy as np
import numpy.typing as npt

from storage.arrays import ArraySpec, chunk_path, create_array, save_array, write_array
from storage.errors import EigenwaveError
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.keep_state import load_patterns
from tasks.open_solver import open_solver
from tasks.picture_patterns import picture_patterns
from tasks.products import Float32
from tasks.relabelling import thresholds


@single_threaded
def extract_patterns(job: Job) -> None:
    """Write the patterns if they are not there, the array of scores, and what shuffled labels are made from.

    Raises
    ------
    EigenwaveError
        If the data has fewer patterns than were asked for.
    """
    patterns = _patterns(job)
    picture_patterns(job, patterns)
    shape = (job.plan.row_count, len(patterns))
    create_array(job.paths.scores, ArraySpec(shape, (job.plan.rows_per_shard, len(patterns)), ("image", "pattern")))
    ids, labels = _fitted_samples(job)
    sizes = np.bincount(labels, minlength=job.plan.classes)
    borders = thresholds(ids, sizes, job.settings.seed, job.settings.permutations)
    save_array(job.paths.thresholds, borders)


def patterns_are_there(job: Job) -> bool:
    """Whether the patterns are written, so that no pass is needed."""
    return chunk_path(job.paths.patterns, 0).exists()


def _patterns(job: Job) -> Float32:
    """The patterns (k, p), from the run's files or from its passes."""
    if patterns_are_there(job):
        return np.ascontiguousarray(load_patterns(job).T)
    patterns = open_solver(job).patterns()
    if job.settings.energy is None and len(patterns) < job.plan.rank:
        raise EigenwaveError(
            f"The images of {job.source} have only {len(patterns)} patterns that stand out from rounding; "
            f"set --rank to {len(patterns)} or less."
        )
    write_array(job.paths.patterns, patterns, ("pattern", "coefficient"))
    return patterns


def _fitted_samples(job: Job) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Ids and class labels of the valid images that are fitted on."""
    parts = [(job.part(shard, ["sample_id", "class_id"]), job.used(shard)) for shard in job.plan.fitted_shards]
    ids = np.concatenate([np.asarray(part["sample_id"])[used] for part, used in parts])
    labels = np.concatenate([np.asarray(part["class_id"])[used] for part, used in parts])
    return ids, labels
