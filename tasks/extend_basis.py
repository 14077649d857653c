"""Between the passes: keep what a pass gave, and prepare the block that the next one multiplies.

Each file is written when all that it stands on is on disk, so a killed run continues with the pass it was in.
"""

import hashlib
import json
from collections import Counter
from typing import NamedTuple

import numpy as np

from storage.arrays import write_array
from storage.errors import EigenwaveError
from storage.files import write_file
from storage.source import open_source
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.krylov import Float64, orthonormalise, recentred, test_matrix
from tasks.read_images import digest_of, transformed_blocks
from tasks.read_state import save_state
from tasks.transform_shard import FirstPass

NAMED_REJECTS = 3  # images named in a message
LOOKED_AT = 256  # images that the mean is guessed from


class Totals(NamedTuple):
    """What the transform found: fitted images, rejected images, energy about the mean, digest of the dataset."""

    fitted: int
    rejected: int
    energy: float
    dataset_digest: str


@single_threaded
def begin_basis(job: Job) -> None:
    """Write what the first pass needs: a random block, and a guess of the mean."""
    if not job.paths.basis(0).exists():
        block = test_matrix(job.plan.coefficients, job.plan.block_width, job.settings.seed)
        shift = _mean_of_some(job) if job.settings.centre else np.zeros(job.plan.coefficients)
        save_state(job.paths.shift, lambda file: np.save(file, shift))
        save_state(job.paths.basis(0), lambda file: np.save(file, block))


@single_threaded
def finish_transform(job: Job, result: FirstPass) -> None:
    """Check what the transform left, centre the first product, and write mean, totals and the next block.

    Raises
    ------
    EigenwaveError
        If shards are missing, too many images were rejected, or what is left cannot be analysed.
    """
    if result.shards != job.plan.shards:
        raise EigenwaveError(f"Only {result.shards} of {job.plan.shards} shards were transformed; run again.")
    rejected, digest = _checked_samples(job)
    moments = result.moments
    if moments.rows - job.settings.centre < job.plan.rank:
        raise EigenwaveError(
            f"Only {moments.rows} of the images to fit on are good, too few for --rank {job.plan.rank}; lower it."
        )
    mean = moments.mean if job.settings.centre else np.zeros(job.plan.coefficients)
    energy = moments.energy_about(mean)
    if energy <= np.finfo(np.float32).eps * moments.square_sum:
        raise EigenwaveError(f"All images of {job.source} are the same: there are no patterns to find.")
    write_array(job.paths.mean, mean, ("coefficient",))
    totals = Totals(moments.rows, rejected, energy, digest)
    write_file(job.paths.totals, json.dumps(totals._asdict()).encode())
    basis = np.load(job.paths.basis(0))
    finish_pass(job, 0, recentred(result.product, basis, moments.rows, mean - np.load(job.paths.shift)))


@single_threaded
def finish_pass(job: Job, number: int, product: Float64) -> None:
    """Write the next pass's block, if the product leads anywhere new, and last the product itself."""
    if number + 1 < job.plan.passes:
        previous = [np.load(job.paths.basis(earlier)) for earlier in range(number + 1)]
        room = job.plan.coefficients - sum(basis.shape[1] for basis in previous)
        if room > 0:
            block = orthonormalise(product[:, :room], previous)
            if block.shape[1]:
                save_state(job.paths.basis(number + 1), lambda file: np.save(file, block))
    save_state(job.paths.product(number), lambda file: np.save(file, product))


def read_totals(job: Job) -> Totals:
    """What the transform found."""
    return Totals(**json.loads(job.paths.totals.read_bytes()))


def _mean_of_some(job: Job) -> Float64:
    """Mean coefficients of a few of the fitted images, evenly spread; zeros if none of them can be used."""
    source = open_source(job.source)
    fitted = source.samples()[: job.plan.fitted]
    keys = [sample.key for sample in fitted[:: max(1, len(fitted) // LOOKED_AT)]]
    blocks = transformed_blocks(job, source, keys, [digest_of(source, key) for key in keys])
    rows = np.concatenate([coefficients for _, coefficients, _ in blocks])
    good = rows[~np.isnan(rows[:, 0])]
    return good.mean(axis=0, dtype=np.float64) if len(good) else np.zeros(job.plan.coefficients)


def _checked_samples(job: Job) -> tuple[int, str]:
    """Count the rejected images and digest the dataset: keys, labels, splits and image digests in row order."""
    digest = hashlib.sha256()
    reasons: Counter[str] = Counter()
    named: list[str] = []
    for shard in range(job.plan.shards):
        part = job.part(shard, ["key", "class_id", "split", "digest", "reason", "detail"])
        rows = part.to_pylist()
        digest.update(json.dumps([[row["key"], row["class_id"], row["split"], row["digest"]] for row in rows]).encode())
        for row in rows:
            if row["reason"] is not None:
                reasons[row["reason"]] += 1
                named.append(f"{row['key']}: {row['detail']}") if len(named) < NAMED_REJECTS else None
    bad = reasons.total()
    if bad > job.settings.max_bad_fraction * job.plan.images:
        counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise EigenwaveError(
            f"{bad} of {job.plan.images} images cannot be used ({counted}; {'; '.join(named)}); mend or remove them, "
            f"or raise --max-bad-fraction above {job.settings.max_bad_fraction}."
        )
    return bad, digest.hexdigest()
