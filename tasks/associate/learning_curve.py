"""The table of how well the classes would be predicted by ridge regression on fewer or more images."""

import numpy as np

from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.results import Summary, Verdicts
from tasks.run.state import compared_all
from tasks.statistics.label_judge import METHODS
from tasks.statistics.learning_curve import Alignment, accuracies, numbers_of_images
from tasks.statistics.scatter import HELD_OUT

RIDGE = METHODS.index("ridge")


def learning_curve_table(job: Job, summary: Summary, verdicts: Verdicts) -> dict[str, object]:
    """Make the table `learning_curve`, for the scores that labels are judged by.

    Its predictions take images as independent, so they are null if images are grouped. Accuracy is that without copies
    of images learned from, if these were sought.
    """
    learned, control = summary.judging.take(0, list(range(HELD_OUT))), summary.judging_control
    count = int(learned.counts.sum())
    images = numbers_of_images(count) if count else []
    grouped = job.settings.reading.group is not None
    true = None if grouped else Alignment.of(learned.counts, learned.sums, learned.cross)
    shuffled = None if grouped else Alignment.of(control.counts[0], control.sums[0], learned.cross)
    every, clean = int(summary.judging.counts[0, HELD_OUT].sum()), int(verdicts.clean_judged)
    right, judged = (verdicts.labels.clean_right, clean) if compared_all(job) else (verdicts.labels.right, every)
    measured = right[RIDGE] / judged if judged else np.nan
    chance = max(learned.counts.max() / count, 1 / max((learned.counts > 0).sum(), 1)) if count else np.nan
    unknown = np.full(len(images), np.nan)
    return {
        "images": images,
        "learned": [count] * len(images),
        "r_squared": _predicted(true, images),
        "shuffled_r_squared": _predicted(shuffled, images),
        "accuracy": unknown if true is None else accuracies(true, images, measured, float(chance)),
    }


def _predicted(alignment: Alignment | None, images: list[int]) -> Float64:
    return np.array([np.nan if alignment is None else alignment.r_squared(one) for one in images])
