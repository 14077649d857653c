"""The images of the shards that one task of association takes."""

from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64, Mask
from tasks.planning.memory import association_shards
from tasks.run.job import Job
from tasks.run.state import Labels, load_copied, load_judging_scores, load_labels, load_scores, load_shuffled


class Images(NamedTuple):
    """The valid labelled images of some shards.

    Attributes
    ----------
    shards
        The shards.
    labels
        Their labels, with the masks of all shards one after the other.
    scores, rows
        Scores (n, k) and ascending rows (n,) of the images.
    judging
        Scores that labels are judged by (n, k).
    shuffled
        Classes of the images under each permutation (R, n).
    copied
        Whether each image is a copy, exact or near, of one that held-out checks learn from (n,).
    """

    shards: range
    labels: Labels
    scores: Float64
    rows: Int64
    shuffled: Int64
    judging: Float64
    copied: Mask


def load_images(job: Job, first: int) -> Images:
    """Read the images of a task, from its first shard on.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged.
    """
    step = association_shards(job.plan, job.settings.association.permutations).step
    shards = range(first, min(first + step, job.plan.shards))
    labels = [load_labels(job, shard) for shard in shards]
    pairs = list(zip(shards, labels, strict=True))
    return Images(
        shards,
        Labels(*map(np.concatenate, zip(*labels, strict=True))),
        np.concatenate([load_scores(job, shard)[own.valid] for shard, own in pairs]).astype(np.float64),
        np.concatenate([job.plan.rows(shard).start + np.flatnonzero(own.valid) for shard, own in pairs]),
        np.concatenate([load_shuffled(job, shard, own) for shard, own in pairs], axis=1),
        np.concatenate([load_judging_scores(job, shard)[own.valid] for shard, own in pairs]).astype(np.float64),
        np.concatenate([load_copied(job, shard, own) for shard, own in pairs]),
    )
