"""The steps before and after the transform of the shards: take a sample; compute the mean, and check the images."""

import hashlib
import json

import numpy as np
import pyarrow.compute as pc

from storage.arrays.npy import load_npy, save_npy
from storage.arrays.zarr import write_array
from storage.datasets.findings import counted
from storage.errors import EigenwaveError
from storage.stores.files import write_file
from storage.tables.digests import from_column, to_text
from storage.tables.schemas import REMOVED
from tasks.decompose.passes import open_solver
from tasks.decompose.scales import begin_scales, finish_scale_patterns
from tasks.planning.limits import require_few
from tasks.run.job import Job
from tasks.run.results import FirstPass, require_all
from tasks.run.state import Totals, save_totals
from tasks.run.worker import single_threaded
from tasks.statistics.duplicates import Duplicates, find_duplicates
from tasks.transform.judging import begin_judging
from tasks.transform.sample import sampled_coefficients
from tasks.transform.units import write_units

LEAST_FEATURE = 1e-18  # deviation; squares of smaller ones are lost in float32
ROUNDINGS = 2  # errors of a coefficient, relative to the rounding of stored numbers, that are no difference of images


@single_threaded
def begin_transform(job: Job) -> None:
    """Write the input of the first pass, all from one sample of images: a guess of the mean, and blocks to start from.

    If none of the sampled images can be used, the mean is guessed to be zero, and blocks are random.
    """
    sample, judging = sampled_coefficients(job)
    if job.judging_space:
        begin_judging(job, judging)
    # Round to float32, so that the value subtracted from float32 data is exactly the one in the correction.
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32) if len(sample) else np.zeros(1, np.float32)
    if job.settings.decomposition.centre:
        sample -= mean
        shift = np.broadcast_to(mean.astype(np.float64), job.plan.coefficients)
    else:
        shift = np.zeros(job.plan.coefficients)
    save_npy(job.paths.work.shift, shift)
    open_solver(job).begin(sample)
    begin_scales(job, sample)


@single_threaded
def finish_transform(job: Job, result: FirstPass) -> None:
    """Check the transformed images, write mean and totals, and pass the first pass to the solver.

    Raises
    ------
    EigenwaveError
        If shards are missing, too many images were rejected, or the remaining images cannot be analyzed.
    """
    require_all(result.shards, job.plan.shards, "transformed")
    rejected, duplicates, digest = _checked_samples(job)
    moments = result.moments
    if moments.rows - job.settings.decomposition.centre < job.plan.rank:
        raise EigenwaveError(
            f"Only {moments.rows} of the images to fit on are valid, too few for --rank {job.plan.rank}; lower --rank."
        )
    shift, centre = load_npy(job.paths.work.shift), job.settings.decomposition.centre
    mean = shift + moments.mean if centre else np.zeros(job.plan.coefficients)
    energies = moments.energies if centre else moments.column_squares
    energy = float(energies.sum())
    rounding = ROUNDINGS * float(np.finfo(job.settings.coefficients.dtype).eps)
    if energy <= rounding**2 * (energy + moments.rows * float(mean @ mean)):
        raise EigenwaveError(
            f"All images of {job.source} are the same but for rounding: there are no patterns to find."
        )
    if not job.space.pictured and energy < LEAST_FEATURE**2 * moments.rows * len(mean):
        raise EigenwaveError(
            f"The features of {job.source} vary by less than {LEAST_FEATURE:g}, whose squares are lost in "
            "float32: multiply them all by one number."
        )
    write_array(job.paths.mean, mean, ("coefficient",))
    repeats = duplicates.images, duplicates.conflicting
    counts = write_units(job)
    save_totals(job, Totals(moments.rows, rejected, energy, digest, *counts, *repeats, dict(result.notes)))
    open_solver(job).finish_first(result.share, moments.rows, mean - shift)
    save_npy(job.paths.work.energies, energies)
    finish_scale_patterns(job, result.scales, moments.rows, mean - shift)
    write_file(job.paths.work.transformed)


def _checked_samples(job: Job) -> tuple[int, Duplicates, str]:
    """Count rejected and repeated images, and digest keys, labels, splits and image digests in row order."""
    digest = hashlib.sha256()
    bad: list[tuple[str, str, str]] = []
    digests, class_ids = bytearray(), []
    for shard in range(job.plan.shards):
        part = job.part(shard, ["key", "class_id", "split", "digest", "reason", "detail"])
        there = part.filter(pc.not_equal(part["class_id"], REMOVED))
        found = from_column(there["digest"])
        columns = [there[name].to_pylist() for name in ("key", "class_id", "split")]
        digest.update(json.dumps([*columns, to_text(found).to_pylist()]).encode())
        spoilt = there.filter(pc.is_valid(there["reason"])).select(["key", "reason", "detail"])
        bad += [(row["key"], row["reason"], row["detail"]) for row in spoilt.to_pylist()]
        digests += found.tobytes()
        class_ids.append(np.asarray(there["class_id"]))
    count = require_few(bad, job.plan.images, job.settings)
    duplicates = find_duplicates(bytes(digests), np.concatenate(class_ids))
    if duplicates.images and job.settings.dataset.duplicates == "refuse":
        repeats = counted(duplicates.images, f"image of {job.source}", "repeats another", "repeat others")
        raise EigenwaveError(
            f"{repeats}, {duplicates.conflicting} of them under another "
            "class; list them with eigenwave check and remove them, or set --duplicates report."
        )
    return count, duplicates, digest.hexdigest()
