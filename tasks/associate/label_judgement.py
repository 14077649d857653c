"""Judge whether the labels of images fit, and how well the judges predict the classes of held-out images."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.tables.batches import write_batch
from storage.tables.parquet import to_table
from storage.tables.schemas import JUDGEMENT
from tasks.associate.images import Images
from tasks.dtypes import Float64, Int64
from tasks.run.job import Job
from tasks.run.results import HeldOutJudgement, Summary, Verdicts
from tasks.run.state import compared_all, load_state, save_state
from tasks.statistics.label_judge import METHODS, PRODUCT, LabelJudge, judge_of_part, kept_classes, parts_of
from tasks.statistics.scatter import HELD_OUT, ClassScatter


def opinions(logs: Float64, labels: Int64, rows: Int64) -> pa.Table:
    """Make the judgement of images from the log-probabilities of all classes (n, C), their labels and rows (n,).

    Images are left out if nothing was learned about the class of their label.
    """
    own = logs[np.arange(len(labels)), labels]
    known = np.isfinite(own)
    logs, own = logs[known], own[known]
    class_ids, likely = kept_classes(logs), logs.argmax(axis=1)
    columns = {
        "label_suspicion": -np.expm1(own),
        "likely_class_id": likely,
        "suggested_probability": np.exp(logs[np.arange(len(own)), likely]),
        "label_logarithm": own,
        "class_ids": _lists(class_ids),
        "probabilities": _lists(np.exp(np.take_along_axis(logs, class_ids, axis=1)).astype(np.float16)),
    }
    return to_table(JUDGEMENT, columns).append_column("row", pa.array(rows[known]))


def fit_label_judges(job: Job, summary: Summary) -> None:
    """Fit and save all judges of labels, and the one that held-out images measure."""
    grouped, other_split = _design(job)
    for number in {*judge_of_part(grouped=grouped, other_split=other_split), HELD_OUT}:
        learned = parts_of(number, other_split=other_split)
        images = summary.sample.take([number] if grouped else learned, job.plan.classes)
        judge = LabelJudge.of(summary.judging.take(0, learned), *images, entered=not grouped)
        save_state(job.paths.work.label_judge(number), judge)


def judge_labels(job: Job, images: Images) -> HeldOutJudgement:
    """Judge the labels of images, write the judgement of each, and judge the held-out images' classes."""
    grouped, other_split = _design(job)
    labels, found = images.labels, [JUDGEMENT.append(pa.field("row", pa.int64())).empty_table()]
    judge_of = np.array(judge_of_part(grouped=grouped, other_split=other_split))[labels.part]
    for number in np.unique(judge_of).tolist():
        mine = np.flatnonzero(judge_of == number)
        entered = labels.represented[mine] & np.isin(labels.part[mine], parts_of(number, other_split=other_split))
        judge = load_state(job.paths.work.label_judge(number), LabelJudge)
        for block, logs in judge.judge(images.judging[mine], labels.classes[mine], entered & (not grouped)):
            found.append(opinions(logs[PRODUCT], labels.classes[mine[block]], images.rows[mine[block]]))
    _write(job, images, pa.concat_tables(found))
    return _of_held_out(job, images)


def _design(job: Job) -> tuple[bool, bool]:
    """Whether the dataset names groups, and whether it has another split."""
    return job.settings.reading.group is not None, job.plan.other_split


def _of_held_out(job: Job, images: Images) -> HeldOutJudgement:
    """Judge the held-out images by the judge that did not learn from any of them."""
    judge = load_state(job.paths.work.label_judge(HELD_OUT), LabelJudge)
    asked = images.labels.held_out
    classes, scores = images.labels.classes[asked], images.judging[asked]
    right, loss, known = np.zeros((2, len(METHODS)), np.int64), np.zeros(len(METHODS)), 0
    clean = ~images.copied[asked] & judge.ridge.learned[classes]
    for block, logs in judge.judge(scores, classes, np.zeros(len(classes), np.bool_)):
        found = logs.argmax(axis=2) == classes[block]
        right += found.sum(axis=1), found[:, clean[block]].sum(axis=1)
        own = logs[:, np.arange(logs.shape[1]), classes[block]]
        finite = np.isfinite(own).all(axis=0)
        loss -= own[:, finite].sum(axis=1)
        known += int(finite.sum())
    return HeldOutJudgement(right[0], loss, known, right[1])


def _write(job: Job, images: Images, judgement: pa.Table) -> None:
    """Write the judgement of each image, by shard; null for images that could not be judged."""
    known = np.asarray(judgement["row"])
    content = judgement.drop_columns("row").combine_chunks()
    for shard in images.shards:
        rows = job.plan.rows(shard)
        mine = np.flatnonzero((known >= rows.start) & (known < rows.stop))
        places = np.full(len(rows), -1)
        places[known[mine] - rows.start] = mine
        taken = content.take(pa.array(places, mask=places < 0))
        columns = {name: taken[name] for name in taken.column_names}
        write_batch(job.paths.work.judgement(shard), JUDGEMENT, columns, {"run_id": job.run_id})


def _lists(values: Int64 | npt.NDArray[np.float16]) -> pa.ListArray:
    """Turn an array (n, m) into n lists of m numbers."""
    offsets = np.arange(0, values.size + 1, max(values.shape[1], 1), dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))


def judges_table(job: Job, judging: ClassScatter, verdicts: Verdicts) -> dict[str, object]:
    """Make the table `judges`."""
    held_out, compared = verdicts.labels, compared_all(job)
    judge = load_state(job.paths.work.label_judge(HELD_OUT), LabelJudge)
    counts, kept, share = judging.counts[0], len(judge.quadratic.centre), float(judge.share)
    several = (counts[:HELD_OUT].sum(axis=0) > 0).sum() > 1  # one class needs no judge
    numbers = counts[HELD_OUT].sum(), held_out.known, verdicts.clean_judged if compared else 0
    judged, known, clean = (several * number or np.nan for number in numbers)
    return {
        "method": list(METHODS),
        "accuracy": held_out.right / judged,
        "log_loss": held_out.loss / known,
        "weight": [1 - share, share, 1.0],
        "temperature": judge.temperatures,
        "prior": [None, float(judge.quadratic.prior), None],
        "patterns": [judging.sums.shape[-1], kept, judging.sums.shape[-1]],
        "learned": [counts[:HELD_OUT].sum()] * len(METHODS),
        "judged": [counts[HELD_OUT].sum()] * len(METHODS),
        "clean_accuracy": held_out.clean_right / clean,
        "clean_judged": [verdicts.clean_judged if compared else None] * len(METHODS),
    }
