"""Compare the numbers of CIFAR-10 with their accepted ranges: `python -m benchmarks.cifar CIFAR-10-FOLDER`.

The folder has class folders in train/ and test/. All numbers are computed in this process and printed one per row.
The exit status is 1 if a number is outside its range. Numbers without a range are compared with an oracle in float64.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.stats import f_oneway
from sklearn.metrics import roc_auc_score

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.dtypes import Float64, Int64, Mask, UInt64
from tasks.run.begin import begin_run
from tasks.run.worker import single_threaded
from tasks.statistics.classifiers import Ridge
from tasks.statistics.label_judge import PRODUCT, LabelJudge, Sample
from tasks.statistics.relabelling import sample_ids, uniform
from tasks.statistics.scatter import ClassMoments, ClassScatter
from tasks.statistics.sums import grouped

FLIPPED = 0.05
BLOCK = 2500  # images whose coefficients are processed at once


class Number(NamedTuple):
    """A quantity, its value here, and its least and largest accepted values."""

    quantity: str
    ours: float
    least: float
    most: float

    @property
    def inside(self) -> bool:
        """Whether the value is accepted."""
        return self.least <= self.ours <= self.most


class Images(NamedTuple):
    """The input of the oracles: scores (n, k), labels (n,), mask of fitted images (n,), ids (n,)."""

    scores: Float64
    labels: Int64
    fitted: Mask
    ids: UInt64

    @classmethod
    def of(cls, run: Run) -> "Images":
        """Read the images of a finished run."""
        samples = run.tables["samples"]
        return cls(
            np.asarray(run.scores[:], np.float64),
            samples["class_id"].to_numpy().astype(np.int64),
            np.asarray(samples["split"].cast(pa.string()).to_numpy(zero_copy_only=False) == run.manifest.fitted_split),
            sample_ids(samples["key"].to_pylist()),
        )


def analyse(source: str, workspace: Workspace, **settings: object) -> Run:
    """Do a whole run in this process."""
    job = begin_run(source, Settings.model_validate(settings), workspace)
    stages.run_stages(job, InlineFanout())
    return Run(job.paths)


def first_order(run: Run) -> Iterator[Number]:
    """Yield the association of class means, and its values by chance."""
    row, patterns = run.tables["learnability"].to_pylist()[0], run.tables["patterns"].to_pandas()
    yield Number("learnability L", row["learnability"], 0.109, 0.113)
    yield Number("L, shuffled labels, most", row["shuffled_max"], 0, 0.0016)
    yield Number("largest eta squared", patterns.eta_squared.max(), 0.136, 0.143)
    yield Number("largest eta squared, shuffled", patterns.null_eta_squared_max.max(), 0, 0.0008)
    yield Number("patterns with q < 0.05", row["significant_patterns"], 52, row["rank"])
    yield Number("patterns with q < 0.05, shuffled, most", row["shuffled_significant_max"], 0, 1)
    yield Number("least mutual information, nats", patterns.mutual_information.min(), 0.008, np.inf)
    yield Number("largest mutual information, shuffled", patterns.null_mutual_information_max.max(), 0, 0.0008)
    yield Number("L of the mean color alone", row["colour_learnability"], 0.0445, 0.0455)
    for noise in run.tables["label_noise"].to_pylist():
        slack = max(0.03 * noise["predicted"], 4e-4)
        quantity = f"L at label noise {noise['fraction']:g}"
        yield Number(quantity, noise["measured"], noise["predicted"] - slack, noise["predicted"] + slack)


def second_order(run: Run) -> Iterator[Number]:
    """Yield the association of class variances, and its values by chance."""
    row = run.tables["learnability"].to_pylist()[0]
    yield Number("heterogeneity H", row["heterogeneity"], 0.247, 0.267)
    yield Number("H, shuffled", row["heterogeneity_shuffled"], 0, 0.02)
    yield Number("largest class share", row["largest_share"], 0.23, 1)
    yield Number("largest class share, shuffled", row["largest_share_shuffled"], 0, 0.12)
    yield Number("shares, train against test, r", row["share_agreement"], 0.95, 1)
    yield Number("shares, train against test, r, shuffled", row["share_agreement_shuffled"], -0.15, 0.15)


def held_out(run: Run, wide: Run, images: Images) -> Iterator[Number]:
    """Yield the accuracy of classifiers on held-out images."""
    (ridge, quadratic), wide_ridge = run.tables["held_out"].to_pylist(), wide.tables["held_out"].to_pylist()[0]
    many = f"{ridge['patterns']} patterns"
    yield Number(f"ridge test accuracy, {many}", ridge["accuracy"], 0.38, 1)
    yield Number("ridge test accuracy, shuffled", ridge["shuffled_accuracy"], 0, 0.12)
    yield Number(f"QDA test accuracy, {many}", quadratic["accuracy"], 0.48, 1)
    yield Number("QDA test accuracy, shuffled", quadratic["shuffled_accuracy"], 0, 0.12)
    yield Number(f"ridge test accuracy, {wide_ridge['patterns']} patterns", wide_ridge["accuracy"], 0.40, 1)
    quantity = f"the same less that of all {run.coefficients.shape[1]:,} coefficients"
    difference = wide_ridge["accuracy"] - all_coefficients_accuracy(run, images)
    # At most one standard error below it.
    error = np.sqrt(wide_ridge["accuracy"] * (1 - wide_ridge["accuracy"]) / wide_ridge["judged"])
    yield Number(quantity, difference, -error, 1)
    for one, expected in ((run, 21.0), (wide, 26.5)):
        found = one.tables["patterns"]["psnr"][-1].as_py()
        yield Number(f"PSNR of {one.patterns.shape[0]} patterns, dB", found, expected - 0.2, expected + 0.2)
    yield Number("label suspicion, 5 % flipped, AUROC", suspicion_auroc(images), 0.85, 1)


def exactness(krylov: Run, gram: Run, images: Images) -> Iterator[Number]:
    """Yield the errors against oracles in float64, from the coefficients and from the scores."""
    yield Number("energy captured", krylov.manifest.energy, 0.867, 0.871)
    squares = np.linalg.eigvalsh(_moments(krylov, images, centred=True).cross)[::-1]
    exact = np.sqrt(np.maximum(squares, 0))
    for run, bound in ((krylov, 1e-4), (gram, 2e-6)):
        values = run.tables["patterns"]["singular_value"].to_numpy()
        error = np.abs(values / exact[: len(values)] - 1).max()
        yield Number(f"error of singular values, {run.manifest.solver}", error, 0, bound)
    own = [images.scores[images.fitted & (images.labels == label)] for label in np.unique(images.labels)]
    ours = krylov.tables["patterns"]["f_statistic"].to_numpy()
    yield Number("F against scipy.stats.f_oneway", np.abs(ours / f_oneway(*own).statistic - 1).max(), 0, 1e-9)


def _moments(run: Run, images: Images, *, centred: bool) -> ClassMoments:
    """Compute moments of all coefficients of the fitted images for ridge regression, without class_cross."""
    classes, mean, p = len(run.manifest.classes), np.asarray(run.mean[:]), run.coefficients.shape[1]
    sums, cross = np.zeros((classes, p)), np.zeros((p, p))
    rows = np.flatnonzero(images.fitted)
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        block = _coefficients(run, some) - mean * centred
        sums += grouped(block, images.labels[some], classes)[1]
        cross += block.T @ block
    counts = np.bincount(images.labels[images.fitted], minlength=classes)
    return ClassMoments(counts, sums, cross, np.zeros((classes, 0, 0)))


def _coefficients(run: Run, rows: Int64) -> Float64:
    """Read the coefficients of adjacent rows."""
    return np.asarray(run.coefficients[int(rows[0]) : int(rows[-1]) + 1], np.float64)


def all_coefficients_accuracy(run: Run, images: Images) -> float:
    """Accuracy of ridge regression on all coefficients of the held-out images."""
    ridge = Ridge.of(_moments(run, images, centred=False))
    rows = np.flatnonzero(~images.fitted)
    right = 0
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        right += int((ridge.predict(_coefficients(run, some)) == images.labels[some]).sum())
    return right / len(rows)


def suspicion_auroc(images: Images) -> float:
    """AUROC of label suspicion for fitted images, after a random twentieth of them got another label."""
    classes = int(images.labels.max()) + 1
    flipped = uniform(images.ids, 0, "flip") < FLIPPED
    others = 1 + (uniform(images.ids, 0, "to") * (classes - 1)).astype(np.int64)
    labels = np.where(flipped, (images.labels + others) % classes, images.labels)[images.fitted]
    scores, ids = images.scores[images.fitted], images.ids[images.fitted]
    one_part, fitted = np.zeros(len(labels), np.int64), np.ones(len(labels), np.bool_)
    sample = Sample.of(ids, scores.astype(np.float32), labels, one_part).take([0], classes)
    moments = ClassScatter.of(scores, one_part, labels[None], classes).take(0, [0])
    judge = LabelJudge.of(moments, *sample, entered=True)
    own = [
        logs[PRODUCT, np.arange(logs.shape[1]), labels[block]] for block, logs in judge.judge(scores, labels, fitted)
    ]
    return float(roc_auc_score(flipped[images.fitted], -np.concatenate(own)))


@single_threaded
def numbers(source: str, workspace: Workspace, rank: int = 64, wide_rank: int = 256) -> list[Number]:
    """Compute all quantities."""
    run = analyse(source, workspace, rank=rank, solver="krylov", warm_start="none")
    wide = analyse(source, workspace, rank=wide_rank, solver="gram")
    images = Images.of(run)
    return [*first_order(run), *second_order(run), *held_out(run, wide, images), *exactness(run, wide, images)]


def main(source: str, rank: int = 64, wide_rank: int = 256) -> int:
    """Print the table; return 1 if a number is outside its range."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-numbers-") as folder:
        workspace = Workspace(folder)
        workspace.prepare()
        found = numbers(source, workspace, rank, wide_rank)
    print("| quantity | ours | accepted | |\n|---|---|---|---|")
    for number in found:
        accepted = f"{number.least:.4g} to {number.most:.4g}"
        print(f"| {number.quantity} | {number.ours:.4g} | {accepted} | {'' if number.inside else 'OUTSIDE'} |")
    outside = sum(not number.inside for number in found)
    print(f"\n{len(found) - outside} of {len(found)} are where they must be.")
    return 1 if outside else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():  # noqa: PLR2004
        sys.exit("Pass the folder of CIFAR-10, with class folders in train/ and test/.")
    sys.exit(main(sys.argv[1]))
