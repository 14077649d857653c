"""What takes all images together to say of one: the ranks of its scores, and whether its label looks right."""

from dataclasses import dataclass

import numpy as np

from storage.arrays import load_array
from storage.batches import write_batch
from storage.tables import JUDGEMENT
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.classifiers import Judgement, Quadratic, Ridge
from tasks.keep_state import Labels, load_labels, load_scores, load_state
from tasks.ranks import Histogram, LevelCounts, bins, labellings_counted, looked_up
from tasks.relabelling import shuffled_labels
from tasks.scatter import HELD_OUT, LABELLINGS, ClassScatter
from tasks.summarise_shard import score_scale
from tasks.sums import Float64, Int64, LabelSums, Sums


@dataclass(frozen=True)
class Judges:
    """What images are judged by.

    Attributes
    ----------
    histogram
        Of the fitted images' scores.
    quadratic_0, quadratic_1, quadratic_2
        Fitted without the part of that number, which they judge.
    ridge
        Fitted without the images that are held out.
    shuffled_quadratic, shuffled_ridge
        Likewise, under one permutation of the labels.
    """

    histogram: Histogram
    quadratic_0: Quadratic
    quadratic_1: Quadratic
    quadratic_2: Quadratic
    ridge: Ridge
    shuffled_quadratic: Quadratic
    shuffled_ridge: Ridge

    @classmethod
    def of(cls, histogram: Histogram, scatter: ClassScatter, *, other_split: bool) -> "Judges":
        """Fit from sums; halves learn from the images that are held out only if patterns are fitted on those too."""
        further = [] if other_split else [HELD_OUT]
        learned = list(range(HELD_OUT))
        return cls(
            histogram,
            Quadratic.of(scatter.take(0, [1, *further])),
            Quadratic.of(scatter.take(0, [0, *further])),
            Quadratic.of(scatter.take(0, learned)),
            Ridge.of(scatter.take(0, learned)),
            Quadratic.of(scatter.take(1, learned)),
            Ridge.of(scatter.take(1, learned)),
        )


@dataclass(frozen=True)
class Verdicts(Sums):
    """What judged images add up to.

    Attributes
    ----------
    shards
        How many.
    ranks
        Sums of ranks over the fitted images, under the true labels and then all permutations.
    levels
        Levels of the scores of the fitted images, likewise as far as they are counted.
    judged
        Images held out.
    ridge, quadratic
        Those among them that are classified rightly: by the true labels and by shuffled ones (2,).
    """

    shards: int
    ranks: LabelSums
    levels: LevelCounts
    judged: int
    ridge: Int64
    quadratic: Int64


@single_threaded
def judge_shard(job: Job, shard: int) -> Verdicts:
    """Judge the images of a shard, write what is found of each, and sum up.

    Raises
    ------
    EigenwaveError
        If the scores are missing or damaged, or the disk refuses the write.
    """
    labels, judges = load_labels(job, shard), load_state(job.paths.judges, Judges)
    scores = load_scores(job, shard)[labels.valid].astype(np.float64)
    shuffled = shuffled_labels(labels.ids, load_array(job.paths.thresholds), job.settings.seed)
    judgement = judge_parts(judges, scores, labels.classes, labels.part)
    _write_judgement(job, shard, labels, judgement)
    fitted, held_out = labels.fitted, labels.part == HELD_OUT
    labellings = np.concatenate([labels.classes[None], shuffled])
    ranks, levels = _ranks(job, judges.histogram, scores[fitted], labellings[:, fitted])
    asked, given = scores[held_out], labellings[:LABELLINGS, held_out]
    ridge = judges.ridge.predict(asked), judges.shuffled_ridge.predict(asked)
    quadratic = judgement.likeliest[held_out], judges.shuffled_quadratic.judge(asked, given[1]).likeliest
    return Verdicts(1, ranks, levels, len(asked), _rightly(ridge, given), _rightly(quadratic, given))


def judge_parts(judges: Judges, scores: Float64, labels: Int64, part: Int64) -> Judgement:
    """Judge each image (n,) by what was learned without its part."""
    likeliest, suspicion = np.zeros(len(scores), np.int64), np.full(len(scores), np.nan)
    for number, judge in enumerate((judges.quadratic_0, judges.quadratic_1, judges.quadratic_2)):
        mine = part == number
        likeliest[mine], suspicion[mine] = judge.judge(scores[mine], labels[mine])
    return Judgement(likeliest, suspicion)


def _ranks(job: Job, histogram: Histogram, scores: Float64, labellings: Int64) -> tuple[LabelSums, LevelCounts]:
    binned, classes = bins(scores, score_scale(job)), job.plan.classes
    counted = labellings_counted(classes, scores.shape[1], len(labellings))
    return (
        LabelSums.of(looked_up(histogram.ranks(), binned), labellings, classes),
        LevelCounts.of(looked_up(histogram.levels(), binned), labellings[:counted], classes),
    )


def _rightly(likeliest: tuple[Int64, Int64], labellings: Int64) -> Int64:
    return np.asarray((np.stack(likeliest) == labellings).sum(axis=1), np.int64)


def _write_judgement(job: Job, shard: int, labels: Labels, judgement: Judgement) -> None:
    suspicion, likeliest = np.full(len(labels.valid), np.nan), np.full(len(labels.valid), -1)
    suspicion[labels.valid], likeliest[labels.valid] = judgement.suspicion, judgement.likeliest
    known = ~np.isnan(suspicion)
    columns = {
        "label_suspicion": suspicion,
        "likely_class_id": [int(one) if good else None for one, good in zip(likeliest, known, strict=True)],
    }
    write_batch(job.paths.judgement(shard), JUDGEMENT, columns, {"run_id": job.run_id})
