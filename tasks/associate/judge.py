"""Judge single images by statistics of all images: the ranks of their scores, and whether their labels fit."""

import numpy as np

from storage.arrays.npy import save_npy
from tasks.associate.images import Images, load_images
from tasks.associate.label_judgement import fit_label_judges, judge_labels
from tasks.dtypes import Float64, Int64
from tasks.run.job import Job
from tasks.run.results import Judges, Summary, Verdicts, require_all
from tasks.run.state import load_state, save_state, score_scale
from tasks.run.worker import single_threaded
from tasks.statistics.class_distances import ClassDistances
from tasks.statistics.held_out import Classifiers, right_of_classes
from tasks.statistics.ranks import Distribution, LevelCounts, labellings_counted
from tasks.statistics.scatter import LABELLINGS
from tasks.statistics.sums import LabelSums


@single_threaded
def judge_shards(job: Job, first: int) -> Verdicts:
    """Judge the images of the shards of a task, write the judgement of each, and return sums.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged, or the disk refuses the write.
    """
    images, judges = load_images(job, first), load_state(job.paths.work.judges, Judges)
    labels, scores = images.labels, images.scores
    sampled, held_out = labels.sampled, labels.held_out
    labellings = np.concatenate([labels.classes[None], images.shuffled])
    _write_distances(job, images)
    ranks, levels = _ranks(job, judges.distribution, scores[sampled], labellings[:, sampled])
    asked, given = scores[held_out], labellings[:LABELLINGS, held_out]
    predicted = judges.predict(asked)
    right = right_of_classes(predicted, given, job.plan.classes)
    # Where copies go together, those that are left may be of classes that nothing was learned about.
    clean = ~images.copied[held_out] & judges.ridge.learned[given[0]]
    clean_right = (predicted[:, 0] == given[0])[:, clean].sum(axis=1)
    of_labels = judge_labels(job, images)
    return Verdicts(len(images.shards), ranks, levels, len(asked), right, int(clean.sum()), clean_right, of_labels)


def _write_distances(job: Job, images: Images) -> None:
    """Write the distance of each image from its class; NaN for images without a class that was learned."""
    distances = load_state(job.paths.work.class_distances, ClassDistances)
    found = distances.of_images(images.scores, images.labels.classes)
    for shard in images.shards:
        rows = job.plan.rows(shard)
        mine = (images.rows >= rows.start) & (images.rows < rows.stop)
        values = np.full(len(rows), np.nan, np.float32)
        values[images.rows[mine] - rows.start] = found[mine]
        save_npy(job.paths.work.distance(shard), values)


def _ranks(job: Job, distribution: Distribution, scores: Float64, labellings: Int64) -> tuple[LabelSums, LevelCounts]:
    ranks, classes = distribution.ranks(scores, score_scale(job)), job.plan.classes
    counted = labellings_counted(classes, scores.shape[1], len(labellings))
    return (
        LabelSums.of(ranks, labellings, classes),
        LevelCounts.of(distribution.levels(ranks), labellings[:counted], classes),
    )


@single_threaded
def finish_summary(job: Job, result: Summary) -> None:
    """Save the sums over all scores, and fit the classifiers and the judges of labels.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    require_all(result.shards, job.plan.shards, "summarised")
    fit_label_judges(job, result)
    save_state(job.paths.work.class_distances, ClassDistances.of(result.sums))
    classifiers = Classifiers.of(result.scatter)
    judges = Judges(**vars(classifiers), distribution=result.distribution, deviations=result.judging.deviations())
    save_state(job.paths.work.judges, judges)
    save_state(job.paths.work.summary, result)


def finish_verdicts(job: Job, result: Verdicts) -> None:
    """Save the sums over all judged images.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    require_all(result.shards, job.plan.shards, "judged")
    save_state(job.paths.work.verdicts, result)
