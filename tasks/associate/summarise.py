"""Sums over the scores of one shard. Association is computed from them, except statistics of ranks (see judge.py)."""

import numpy as np

from storage.arrays.npy import load_npy
from tasks.run.job import Job
from tasks.run.results import Summary
from tasks.run.state import load_labels, load_scores, score_scale
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.statistics.exemplars import Exemplars
from tasks.statistics.groups import GroupSums, group_of, groups_kept
from tasks.statistics.ranks import Distribution, sorted_whole
from tasks.statistics.relabelling import noisy_labels, shuffled_labels
from tasks.statistics.scatter import ClassScatter
from tasks.statistics.sums import LabelSums


@single_threaded
def summarise_shard(job: Job, shard: int) -> Summary:
    """Compute the sums over the scores of a shard.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged.
    """
    labels = load_labels(job, shard)
    scores = load_scores(job, shard)[labels.valid].astype(np.float64)
    seed, classes, fitted = job.settings.association.seed, job.plan.classes, labels.fitted
    shuffled = shuffled_labels(labels.ids, load_npy(job.paths.work.thresholds), seed)
    own, ids, known = scores[fitted], labels.ids[fitted], labels.classes[fitted]
    groups = groups_kept(classes, scores.shape[1])
    return Summary(
        shards=1,
        sums=ClassSums.of(own, known, shuffled[:, fitted], classes),
        noisy=LabelSums.of(own, noisy_labels(ids, known, shuffled[:, fitted], seed), classes),
        groups=GroupSums.of(own, known, group_of(ids, seed, groups), (groups, classes)),
        distribution=Distribution.of(own, score_scale(job), keep=sorted_whole(job.plan.fitted, scores.shape[1])),
        scatter=ClassScatter.of(scores, labels.part, np.stack([labels.classes, shuffled[0]]), classes),
        exemplars=Exemplars.of(scores, job.plan.rows(shard).start + np.flatnonzero(labels.valid)),
    )
