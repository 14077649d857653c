"""The steps before and after the transform of the shards: guess the mean, then compute it and check the images."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays.npy import load_npy, save_npy
from storage.arrays.zarr import write_array
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.pixels.payloads import decoder
from storage.stores.files import write_file
from storage.tables.digests import from_column, to_text
from storage.tables.schemas import REMOVED
from tasks.decompose.passes import open_solver
from tasks.dtypes import Float64
from tasks.planning.limits import require_few
from tasks.run.job import Job, fitted
from tasks.run.results import FirstPass, require_all
from tasks.run.state import Totals, save_totals
from tasks.run.worker import single_threaded
from tasks.statistics.duplicates import Duplicates, find_duplicates
from tasks.transform.images import transformed_blocks
from tasks.transform.units import write_units

LOOKED_AT = 256  # images that the mean is guessed from
ROUNDINGS = 2  # errors of a coefficient, relative to the rounding of stored numbers, that are no difference of images


@single_threaded
def begin_transform(job: Job) -> None:
    """Write the input of the first pass: a guess of the mean, and the solver's start."""
    shift = _mean_of_some(job) if job.settings.decomposition.centre else np.zeros(job.plan.coefficients)
    save_npy(job.paths.work.shift, shift)
    open_solver(job).begin()


@single_threaded
def finish_transform(job: Job, result: FirstPass) -> None:
    """Check the transformed images, write mean and totals, and pass the first pass to the solver.

    Raises
    ------
    EigenwaveError
        If shards are missing, too many images were rejected, or the remaining images cannot be analysed.
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
    energy = moments.energy if centre else moments.square_sum
    rounding = ROUNDINGS * float(np.finfo(job.settings.coefficients.dtype).eps)
    if energy <= rounding**2 * (energy + moments.rows * float(mean @ mean)):
        raise EigenwaveError(
            f"All images of {job.source} are the same but for rounding: there are no patterns to find."
        )
    write_array(job.paths.mean, mean, ("coefficient",))
    repeats = duplicates.images, duplicates.conflicting
    counts = write_units(job)
    save_totals(job, Totals(moments.rows, rejected, energy, digest, *counts, *repeats, dict(result.notes)))
    open_solver(job).finish_first(result.share, moments.rows, mean - shift)
    write_file(job.paths.work.transformed)


def _mean_of_some(job: Job) -> Float64:
    """Return the mean coefficients of a few evenly spaced fitted images, or zeros if none of them can be used."""
    source = open_source(job.source, job.settings.access, job.format)
    samples = _some_fitted(job)
    total, count = np.zeros(job.plan.coefficients), 0
    decode = decoder(source.layout, job.form)
    for _, coefficients, _ in transformed_blocks(job, decode, source.read(samples), len(samples)):
        good = ~np.isnan(coefficients[:, 0])
        total += coefficients[good].sum(axis=0, dtype=np.float64)
        count += int(good.sum())
    # Round to float32, so that the value subtracted from float32 data is exactly the one in the correction.
    mean: Float64 = (total / max(count, 1)).astype(np.float32).astype(np.float64)
    return mean


def _some_fitted(job: Job) -> pa.Table:
    rows = np.arange(0, job.plan.fitted_rows, max(1, job.plan.fitted_rows // LOOKED_AT))
    shards = rows // job.plan.rows_per_shard
    some = pa.concat_tables(
        job.listed(shard).take(rows[shards == shard] - job.plan.rows(shard).start)
        for shard in np.unique(shards).tolist()
    )
    return some.filter(fitted(some, job.fitted_split))


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
        raise EigenwaveError(
            f"{duplicates.images} images of {job.source} repeat others, {duplicates.conflicting} of them under another "
            "class; list them with eigenwave check and remove them, or set --duplicates report."
        )
    return count, duplicates, digest.hexdigest()
