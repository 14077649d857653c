"""Sums over the scores of one shard: all that association is computed from, but what needs the ranks of all images."""

from dataclasses import dataclass

import numpy as np

from storage.arrays import load_array
from tasks.association import ClassSums
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.bootstrap import GroupSums, group_of, groups_kept
from tasks.exemplars import Exemplars
from tasks.keep_state import load_labels, load_scores, load_state
from tasks.project_shard import Projected
from tasks.ranks import Histogram, bins
from tasks.relabelling import noisy_labels, shuffled_labels
from tasks.scatter import ClassScatter
from tasks.sums import Float64, LabelSums, Sums


@dataclass(frozen=True)
class Summary(Sums):
    """What scores give, shard by shard.

    Attributes
    ----------
    shards
        How many.
    sums, noisy, groups, histogram
        Over the images that patterns are fitted on; `noisy` under labels of which a part is replaced.
    scatter
        Over all images, in parts.
    exemplars
        Of all images.
    """

    shards: int
    sums: ClassSums
    noisy: LabelSums
    groups: GroupSums
    histogram: Histogram
    scatter: ClassScatter
    exemplars: Exemplars


@single_threaded
def summarise_shard(job: Job, shard: int) -> Summary:
    """Sum up the scores of a shard.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged.
    """
    labels = load_labels(job, shard)
    scores = load_scores(job, shard)[labels.valid].astype(np.float64)
    seed, classes, fitted = job.settings.seed, job.plan.classes, labels.fitted
    shuffled = shuffled_labels(labels.ids, load_array(job.paths.thresholds), seed)
    own, ids, known = scores[fitted], labels.ids[fitted], labels.classes[fitted]
    groups = groups_kept(classes, scores.shape[1])
    return Summary(
        shards=1,
        sums=ClassSums.of(own, known, shuffled[:, fitted], classes),
        noisy=LabelSums.of(own, noisy_labels(ids, known, shuffled[:, fitted], seed), classes),
        groups=GroupSums.of(own, known, group_of(ids, seed, groups), (groups, classes)),
        histogram=Histogram.of(bins(own, score_scale(job))),
        scatter=ClassScatter.of(scores, labels.part, np.stack([labels.classes, shuffled[0]]), classes),
        exemplars=Exemplars.of(scores, job.plan.rows(shard).start + np.flatnonzero(labels.valid)),
    )


def score_scale(job: Job) -> Float64:
    """Root mean square of the fitted images' scores on each pattern (k,)."""
    scale: Float64 = np.sqrt(load_state(job.paths.projection, Projected).squares / job.plan.fitted)
    return scale
