"""From the passes to the patterns, and what must be known before images are projected onto them."""

import numpy as np
import numpy.typing as npt

from storage.arrays import write_array
from storage.errors import EigenwaveError
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.krylov import extract
from tasks.read_state import save_state
from tasks.relabelling import thresholds


@single_threaded
def extract_patterns(job: Job) -> None:
    """Write the patterns, and the thresholds that shuffled labels are made from.

    Raises
    ------
    EigenwaveError
        If the data has fewer patterns than were asked for.
    """
    passes = [number for number in range(job.plan.passes) if job.paths.product(number).exists()]
    bases = [np.load(job.paths.basis(number)) for number in passes]
    products = [np.load(job.paths.product(number)) for number in passes]
    patterns = extract(bases, products, job.plan.rank)
    if len(patterns) < job.plan.rank:
        raise EigenwaveError(
            f"The images of {job.source} have only {len(patterns)} patterns that stand out from rounding; "
            f"set --rank to {len(patterns)} or less."
        )
    write_array(job.paths.patterns, patterns, ("pattern", "coefficient"))
    ids, labels = _fitted_samples(job)
    sizes = np.bincount(labels, minlength=job.plan.classes)
    borders = thresholds(ids, sizes, job.settings.seed, job.settings.permutations)
    save_state(job.paths.thresholds, lambda file: np.save(file, borders))


def _fitted_samples(job: Job) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Ids and class labels of the valid images that are fitted on."""
    parts = [(job.part(shard, ["sample_id", "class_id"]), job.used(shard)) for shard in job.plan.fitted_shards]
    ids = np.concatenate([np.asarray(part["sample_id"])[used] for part, used in parts])
    labels = np.concatenate([np.asarray(part["class_id"])[used] for part, used in parts])
    return ids, labels
