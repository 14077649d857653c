"""Sums over the scores of one shard. Association is computed from them, except statistics of ranks (see judge.py)."""

import numpy as np

from tasks.run.job import Job
from tasks.run.results import Summary
from tasks.run.state import load_labels, load_scores, load_shuffled, score_scale
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.statistics.exemplars import Exemplars
from tasks.statistics.groups import GroupSums, group_of, groups_kept
from tasks.statistics.ranks import Distribution, sorted_whole
from tasks.statistics.relabelling import noisy_labels
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
    seed, classes = job.settings.association.seed, job.plan.classes
    sampled, counted = labels.sampled, labels.counted
    shuffled = load_shuffled(job, shard, labels)
    own, units, known = scores[sampled], labels.units[sampled], labels.classes[sampled]
    groups = groups_kept(classes, scores.shape[1])
    return Summary(
        shards=1,
        sums=ClassSums.of(own, known, shuffled[:, sampled], classes),
        noisy=LabelSums.of(own, noisy_labels(units, known, shuffled[:, sampled], seed), classes),
        groups=GroupSums.of(own, known, group_of(units, seed, groups), (groups, classes)),
        distribution=Distribution.of(own, score_scale(job), keep=sorted_whole(job.plan.fitted, scores.shape[1])),
        scatter=ClassScatter.of(
            scores[counted], labels.part[counted], np.stack([labels.classes, shuffled[0]])[:, counted], classes
        ),
        exemplars=Exemplars.of(scores[counted], job.plan.rows(shard).start + np.flatnonzero(labels.valid)[counted]),
    )
