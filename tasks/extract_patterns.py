"""From the passes to the patterns, and what must be known before images are projected onto them."""

import numpy as np
import numpy.typing as npt

from storage.arrays import ArraySpec, create_array, save_array, write_array
from storage.errors import EigenwaveError
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.open_solver import open_solver
from tasks.picture_patterns import picture_patterns
from tasks.relabelling import thresholds


@single_threaded
def extract_patterns(job: Job) -> None:
    """Write the patterns, the empty array of scores, and the thresholds that shuffled labels are made from.

    Raises
    ------
    EigenwaveError
        If the data has fewer patterns than were asked for.
    """
    patterns = open_solver(job).patterns()
    if job.settings.energy is None and len(patterns) < job.plan.rank:
        raise EigenwaveError(
            f"The images of {job.source} have only {len(patterns)} patterns that stand out from rounding; "
            f"set --rank to {len(patterns)} or less."
        )
    write_array(job.paths.patterns, patterns, ("pattern", "coefficient"))
    picture_patterns(job, patterns)
    shape = (job.plan.images, len(patterns))
    create_array(job.paths.scores, ArraySpec(shape, (job.plan.rows_per_shard, len(patterns)), ("image", "pattern")))
    ids, labels = _fitted_samples(job)
    sizes = np.bincount(labels, minlength=job.plan.classes)
    borders = thresholds(ids, sizes, job.settings.seed, job.settings.permutations)
    save_array(job.paths.thresholds, borders)


def _fitted_samples(job: Job) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Ids and class labels of the valid images that are fitted on."""
    parts = [(job.part(shard, ["sample_id", "class_id"]), job.used(shard)) for shard in job.plan.fitted_shards]
    ids = np.concatenate([np.asarray(part["sample_id"])[used] for part, used in parts])
    labels = np.concatenate([np.asarray(part["class_id"])[used] for part, used in parts])
    return ids, labels
