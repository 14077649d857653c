"""Read and write the state that stages and passes pass on."""

import json
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from storage.arrays.npy import load_npy, load_npz, save_npz
from storage.arrays.zarr import chunk_path, read_array, read_chunk
from storage.errors import EigenwaveError
from storage.pixels.facts import FACTS
from storage.runs.shards import shard_keys
from storage.stores.files import write_file
from storage.stores.store import StorePath
from storage.tables.batches import metadata_of, read_batch
from tasks.dtypes import Float32, Float64, Int64, Mask, UInt64
from tasks.run.job import Job
from tasks.run.results import Projected
from tasks.run.scores import read_scores
from tasks.statistics.relabelling import shuffled_labels
from tasks.statistics.scatter import HELD_OUT, parts
from tasks.statistics.sums import flattened, unflattened
from tasks.wavelet.properties import PROPERTIES

T = TypeVar("T")

EXACT_PASSES = {"gram": 1, "dual": 3}  # dual: the transform, the kernel and the combination


class Totals(NamedTuple):
    """Totals of the transform.

    Attributes
    ----------
    fitted, rejected
        Number of fitted and of rejected images.
    energy
        Energy of the fitted images about the mean.
    dataset_digest
        SHA-256 over keys, labels, splits and image digests in row order.
    units
        Number of independent units among the fitted images: groups, or images with different bytes.
    held_out_units
        The same among the held-out images.
    leaked
        Number of images of other splits whose unit patterns are fitted on; statistics leave them out.
    repeated, conflicting
        Number of images with the same bytes as an earlier one, and of images that occur under several classes.
    notes
        Number of harmless oddities of the image files that were decoded, by kind.
    """

    fitted: int
    rejected: int
    energy: float
    dataset_digest: str
    units: int
    held_out_units: int
    leaked: int
    repeated: int
    conflicting: int
    notes: dict[str, int]


def load_mean(job: Job) -> Float64:
    """Read the mean row (p,) float64."""
    return read_array(job.paths.mean)


def load_patterns(job: Job) -> Float32:
    """Read the patterns as columns (p, k) float32."""
    return np.ascontiguousarray(read_array(job.paths.patterns).T)


def load_shard(job: Job, shard: int) -> Float32:
    """Read the coefficients of a shard's rows (n, p); those of rejected images are NaN."""
    plan = job.plan
    shape = (plan.rows_per_shard, plan.coefficients)
    chunk = read_chunk(chunk_path(job.paths.coefficients, shard), shape, job.settings.coefficients.dtype)
    return chunk[: len(plan.rows(shard))]


class Labels(NamedTuple):
    """Labels and parts of the images of a shard.

    Attributes
    ----------
    valid
        Mask of the shard's rows with a valid image that has a label (rows,). The other attributes cover these n images
        only.
    images, units, classes
        Id of the image, which follows from its key, id of its unit, and its class (n,).
    fitted
        Whether patterns are fitted on each image (n,).
    counted
        Whether statistics count each image (n,); see `tasks.statistics.units`.
    part
        Part of each image (n,): one of the halves, or held out; see `tasks.statistics.scatter`.
    represented
        Whether statistics count each image, or one with its bytes and label (n,).
    """

    valid: Mask
    images: UInt64
    units: UInt64
    classes: Int64
    fitted: Mask
    counted: Mask
    part: Int64
    represented: Mask

    @property
    def sampled(self) -> Mask:
        """Whether each image (n,) is fitted on and counted."""
        return self.fitted & self.counted

    @property
    def held_out(self) -> Mask:
        """Whether each image (n,) is held out and counted."""
        held_out: Mask = (self.part == HELD_OUT) & self.counted
        return held_out


def load_labels(job: Job, shard: int) -> Labels:
    """Read the labels and units of a shard's images, and compute their parts."""
    part, unit = job.part(shard, ["class_id", "reason", "sample_id"]), read_batch(job.paths.work.units, shard)
    valid = np.asarray(pc.and_(part["reason"].is_null(), pc.greater_equal(part["class_id"], 0)))
    classes = np.asarray(part["class_id"])[valid].astype(np.int64)
    units, counted, learned = (np.asarray(unit[name])[valid] for name in ("unit", "counted", "learned"))
    numbers = parts(units, learned, job.settings.association.seed, other_split=job.plan.other_split)
    fitted, kept = job.used(shard)[valid], "represented" in unit.column_names
    # A run that an earlier version began does not know copies in other splits.
    represented = np.asarray(unit["represented"])[valid] if kept else counted | fitted
    return Labels(valid, np.asarray(part["sample_id"])[valid], units, classes, fitted, counted, numbers, represented)


def load_copied(job: Job, shard: int, labels: Labels) -> Mask:
    """Whether each of a shard's images (n,) is an exact or near copy of one that held-out checks learn from."""
    return np.asarray(read_batch(job.paths.work.copies, shard)["learned"])[labels.valid]


def compared_all(job: Job) -> bool:
    """Whether near-duplicates were looked for."""
    return bool(metadata_of(read_batch(job.paths.work.copies), "compared"))


def load_shuffled(job: Job, shard: int, labels: Labels) -> Int64:
    """Classes of a shard's images under each permutation (R, n)."""
    if job.settings.reading.group is None:
        return shuffled_labels(labels.units, load_npy(job.paths.work.thresholds), job.settings.association.seed)
    shuffled = read_batch(job.paths.work.units, shard)["shuffled"].combine_chunks().flatten()
    return np.asarray(shuffled, np.int64).reshape(len(labels.valid), -1)[labels.valid].T


def load_scores(job: Job, shard: int) -> Float32:
    """Read the scores of a shard's rows (n, k); those of rejected images are NaN."""
    return read_scores(job.paths.scores, job.plan.rows_per_shard, shard)[: len(job.plan.rows(shard))]


def load_judging_scores(job: Job, shard: int) -> Float32:
    """Read the scores of a shard's rows (n, k) that labels are judged by; those of rejected images are NaN."""
    if not job.plan.judging_rank:
        return load_scores(job, shard)
    return read_scores(job.paths.judging_scores, job.plan.rows_per_shard, shard)[: len(job.plan.rows(shard))]


def judging_deviations(job: Job, chosen: Mask, patterns: int) -> Float64:
    """Deviation of the scores of the images in a mask (n,) on each leading pattern that labels are judged by (k,)."""
    count, sums, squares = 0, np.zeros(1), np.zeros(1)
    for shard in range(job.plan.shards):
        scores = load_judging_scores(job, shard)[chosen[job.plan.rows(shard)], :patterns].astype(np.float64)
        count, sums, squares = count + len(scores), sums + scores.sum(axis=0), squares + (scores**2).sum(axis=0)
    deviations: Float64 = np.sqrt(np.maximum(squares / count - (sums / count) ** 2, 0))
    return deviations


def has_properties(job: Job) -> bool:
    """Whether the transform, which is finished, computed properties of the images; earlier versions did not."""
    part = job.paths.work.part(0)
    return part.exists() and "property_shards" in shard_keys(read_batch(part))


def load_properties(job: Job, shard: int) -> Float32:
    """Read the facts and properties of a shard's images (n, columns); those of rejected images are NaN."""
    key = shard_keys(read_batch(job.paths.work.part(shard)))["property_shards"]
    rows = read_chunk(job.workspace.chunk(key), (job.plan.rows_per_shard, len(FACTS) + len(PROPERTIES)))
    return rows[: len(job.plan.rows(shard))]


def save_state(path: StorePath, state: Any) -> None:  # noqa: ANN401 - a dataclass of arrays and such dataclasses
    """Write a dataclass of arrays; the file appears whole."""
    save_npz(path, **flattened(state))


def load_state(path: StorePath, kind: type[T]) -> T:
    """Read a dataclass of arrays."""
    return unflattened(kind, load_npz(path))


def has_state(path: StorePath, kind: type[Any]) -> bool:
    """Whether a file holds a dataclass of arrays whole; an interrupted run of an earlier version may lack some."""
    try:
        load_state(path, kind)
    except (FileNotFoundError, KeyError):
        return False
    return True


def save_totals(job: Job, totals: Totals) -> None:
    """Write the totals of the transform."""
    write_file(job.paths.work.totals, json.dumps(totals._asdict()).encode())


def read_totals(job: Job) -> Totals:
    """Read the totals of the transform."""
    return Totals(**json.loads(job.paths.work.totals.read_bytes()))


def passes_done(job: Job) -> int:
    """Number of passes that the patterns come from, including the one in the transform, without the projection."""
    if job.plan.solver != "krylov":
        return EXACT_PASSES[job.plan.solver]
    number = 0
    while job.paths.work.product(number).exists():
        number += 1
    return number


def require_finite(values: npt.NDArray[Any], job: Job, shard: int) -> None:
    """Refuse a result with NaN, which a missing chunk would cause.

    Raises
    ------
    EigenwaveError
        If a value is not finite.
    """
    # One value that is not finite makes the sum not finite, and a sum needs no temporary array.
    if not np.isfinite(values.sum()):
        raise EigenwaveError(
            f"Shard {shard} of {job.paths.coefficients} is missing or damaged; remove {job.paths.folder} and run again."
        )


def score_scale(job: Job) -> Float64:
    """Root mean square of the fitted images' scores on each pattern (k,)."""
    scale: Float64 = np.sqrt(load_state(job.paths.work.projection, Projected).squares / job.plan.fitted)
    return scale
