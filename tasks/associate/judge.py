"""Judge single images by statistics of all images: the ranks of their scores, and whether their labels fit."""

import numpy as np

from storage.tables.batches import write_batch
from storage.tables.schemas import JUDGEMENT
from tasks.associate.images import Images, load_images
from tasks.dtypes import Float64, Int64
from tasks.run.job import Job
from tasks.run.results import Judges, Summary, Verdicts, require_all
from tasks.run.state import load_state, save_state, score_scale
from tasks.run.worker import single_threaded
from tasks.statistics.classifiers import Judgement
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
    judgement = judge_parts(judges, scores, labels.classes, labels.part)
    _write_judgements(job, images, judgement)
    sampled, held_out = labels.sampled, labels.held_out
    labellings = np.concatenate([labels.classes[None], images.shuffled])
    ranks, levels = _ranks(job, judges.distribution, scores[sampled], labellings[:, sampled])
    asked, given = scores[held_out], labellings[:LABELLINGS, held_out]
    predicted = (
        (judges.ridge.predict(asked), judges.shuffled_ridge.predict(asked)),
        (judgement.likeliest[held_out], judges.shuffled_quadratic.judge(asked, given[1]).likeliest),
    )
    right = np.stack([_right(likeliest, given, job.plan.classes) for likeliest in predicted])
    return Verdicts(len(images.shards), ranks, levels, len(asked), right)


def judge_parts(judges: Judges, scores: Float64, labels: Int64, part: Int64) -> Judgement:
    """Judge each image (n,) by the classifier that was fitted without the image's part."""
    likeliest, suspicion = np.zeros(len(scores), np.int64), np.full(len(scores), np.nan)
    for number, judge in enumerate((judges.quadratic_0, judges.quadratic_1, judges.quadratic_2)):
        mine = part == number
        likeliest[mine], suspicion[mine] = judge.judge(scores[mine], labels[mine])
    return Judgement(likeliest, suspicion)


def _ranks(job: Job, distribution: Distribution, scores: Float64, labellings: Int64) -> tuple[LabelSums, LevelCounts]:
    ranks, classes = distribution.ranks(scores, score_scale(job)), job.plan.classes
    counted = labellings_counted(classes, scores.shape[1], len(labellings))
    return (
        LabelSums.of(ranks, labellings, classes),
        LevelCounts.of(distribution.levels(ranks), labellings[:counted], classes),
    )


def _right(likeliest: tuple[Int64, Int64], labellings: Int64, classes: int) -> Int64:
    """Number of images of each class whose predicted class is theirs, under each labelling (2, C)."""
    pairs = zip(likeliest, labellings, strict=True)
    return np.stack([np.bincount(labels[found == labels], minlength=classes) for found, labels in pairs])


def _write_judgements(job: Job, images: Images, judgement: Judgement) -> None:
    for shard in images.shards:
        rows = job.plan.rows(shard)
        mine = slice(*np.searchsorted(images.rows, [rows.start, rows.stop]))
        own = Judgement(judgement.likeliest[mine], judgement.suspicion[mine])
        _write_judgement(job, shard, images.rows[mine] - rows.start, own)


def _write_judgement(job: Job, shard: int, places: Int64, judgement: Judgement) -> None:
    """Write a shard's judgements, which are of the images at these places of its rows."""
    rows = len(job.plan.rows(shard))
    suspicion, likeliest = np.full(rows, np.nan), np.full(rows, -1)
    suspicion[places], likeliest[places] = judgement.suspicion, judgement.likeliest
    known = ~np.isnan(suspicion)
    columns = {
        "label_suspicion": suspicion,
        "likely_class_id": [int(one) if good else None for one, good in zip(likeliest, known, strict=True)],
    }
    write_batch(job.paths.work.judgement(shard), JUDGEMENT, columns, {"run_id": job.run_id})


@single_threaded
def finish_summary(job: Job, result: Summary) -> None:
    """Save the sums over all scores, and fit the classifiers that images are judged by.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    require_all(result.shards, job.plan.shards, "summarised")
    judges = Judges.of(result.distribution, result.scatter, other_split=job.plan.other_split)
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
