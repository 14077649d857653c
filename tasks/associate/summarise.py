"""Sums over the scores of some shards. Association is computed from them, except statistics of ranks (see judge.py)."""

import numpy as np

from tasks.associate.images import load_images
from tasks.run.job import Job
from tasks.run.results import Summary
from tasks.run.state import score_scale
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.statistics.exemplars import Exemplars
from tasks.statistics.groups import GroupSums, group_of, groups_kept
from tasks.statistics.label_judge import Sample
from tasks.statistics.ranks import Distribution, sorted_whole
from tasks.statistics.relabelling import noisy_labels, stream_hashes
from tasks.statistics.scatter import HELD_OUT, ClassScatter
from tasks.statistics.sums import LabelSums


@single_threaded
def summarise_shards(job: Job, first: int) -> Summary:
    """Compute the sums over the scores of the shards of a task, from its first shard on.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged.
    """
    shards, labels, scores, rows, shuffled, judging, _ = load_images(job, first)
    seed, classes = job.settings.association.seed, job.plan.classes
    sampled, counted, learned = labels.sampled, labels.counted, labels.counted & (labels.part != HELD_OUT)
    own, units, known = scores[sampled], labels.units[sampled], labels.classes[sampled]
    groups = groups_kept(classes, scores.shape[1])
    return Summary(
        shards=len(shards),
        sums=ClassSums.of(own, known, shuffled[:, sampled], classes),
        noisy=LabelSums.of(own, noisy_labels(units, known, shuffled[:, sampled], seed), classes),
        groups=GroupSums.of(own, known, group_of(units, seed, groups), (groups, classes)),
        distribution=Distribution.of(own, score_scale(job), keep=sorted_whole(job.plan.fitted, scores.shape[1])),
        scatter=ClassScatter.of(
            scores[counted], labels.part[counted], np.stack([labels.classes, shuffled[0]])[:, counted], classes
        ),
        exemplars=Exemplars.of(scores[counted], rows[counted]),
        judging=ClassScatter.of(judging[counted], labels.part[counted], labels.classes[None, counted], classes),
        sample=Sample.of(
            stream_hashes(labels.images[counted], seed, "judging"),
            judging[counted].astype(np.float32),
            labels.classes[counted],
            labels.part[counted],
        ),
        judging_control=LabelSums.of(judging[learned], shuffled[:1, learned], classes),
    )
