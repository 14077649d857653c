"""Find labels that people got wrong: `python -m benchmarks.labels CIFAR-10-FOLDER LABELS-FOLDER`.

The first folder has class folders in train/ and test/. The second has `human_labels.parquet`: of each training image
its key, its right class (`clean`), and classes that people gave it (`aggregate`, `random_1`: CIFAR-10N, Wei et al.,
ICLR 2022). A row is a run on the training images with such labels, or with a random twentieth of right labels changed.
It says how well label suspicion ranks wrong labels first, beside five-fold cross-validated logistic regression on the
scores that labels were judged by: ranking by the probability of the label is what cleanlab calls self-confidence. The
exit status is 1 if a number is below its least accepted value.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.cifar import analyse
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from tasks.dtypes import Float64, Mask
from tasks.statistics.relabelling import sample_ids, uniform

FLIPPED = 0.05
TOP = 0.01  # of the images, those that a person would look at first
Names = npt.NDArray[np.str_]


class Case(NamedTuple):
    """Labels, settings of the run, and least accepted AUROC, average precision and precision of the top."""

    labels: str
    settings: dict[str, object]
    least: tuple[float, float, float]

    def __str__(self) -> str:
        options = " ".join(f"--{name} {value}" for name, value in self.settings.items())
        return f"{self.labels} | {options or 'defaults'}"


SCATTERING: dict[str, object] = {"transform": "scattering", "rank": 512}
CASES = (
    Case("random_1", {}, (0.855, 0.585, 0)),
    Case("random_1", SCATTERING, (0.88, 0.65, 0.92)),
    Case("aggregate", SCATTERING, (0.86, 0.43, 0)),
    Case("flipped", SCATTERING, (0.945, 0.60, 0)),
)


def ranked(suspicion: Float64, wrong: Mask) -> tuple[float, float, float]:
    """AUROC, average precision, and precision of the top 1 % of a ranking of images by suspicion (n,)."""
    top = np.argsort(-suspicion, kind="stable")[: max(1, round(TOP * len(wrong)))]
    return roc_auc_score(wrong, suspicion), average_precision_score(wrong, suspicion), wrong[top].mean()


def flipped(keys: list[str], clean: Names) -> Names:
    """Change a random twentieth of the labels (n,) to other classes."""
    names, ids = np.unique(clean), sample_ids(keys)
    number = np.searchsorted(names, clean)
    others = 1 + (uniform(ids, 0, "to") * (len(names) - 1)).astype(np.int64)
    return np.where(uniform(ids, 0, "flip") < FLIPPED, names[(number + others) % len(names)], clean)


def arrange(images: Path, keys: list[str], labels: Names, folder: Path) -> None:
    """Make class folders of links to images by labels (n,); names of links tell the keys."""
    for name in np.unique(labels).tolist():
        (folder / name).mkdir(parents=True)
    for key, label in zip(keys, labels.tolist(), strict=True):
        (folder / label / key.replace("/", "+")).symlink_to((images / key).resolve())


def regression_suspicion(run: Run) -> Float64:
    """1 less the probability of the label, by logistic regression on the scores of the other folds (n,).

    Folds are random: in the order of their names, images of one right class with one wrong label stand side by side,
    and a fold that holds all of them helps to find them.
    """
    labels, scores = run.tables["samples"]["class_id"].to_numpy(), np.asarray(run.judging_scores[:])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    found = cross_val_predict(
        model, scores, labels, cv=StratifiedKFold(5, shuffle=True, random_state=0), method="predict_proba"
    )
    own: Float64 = found[np.arange(len(labels)), labels]
    return 1 - own


def rows(images: Path, labels: Path, folder: Path) -> Iterator[tuple[Case, tuple[float, ...], tuple[float, ...]]]:
    """Yield each case with our numbers and those of logistic regression."""
    table = pq.read_table(labels / "human_labels.parquet").to_pandas()
    keys, clean = table.key.tolist(), table.clean.astype(str).to_numpy()
    for number, case in enumerate(CASES):
        given = flipped(keys, clean) if case.labels == "flipped" else table[case.labels].astype(str).to_numpy()
        source, workspace = folder / f"images-{number}", Workspace(folder / "workspace")
        arrange(images, keys, given, source)
        workspace.prepare()
        run = analyse(str(source), workspace, permutations=1, **case.settings)
        samples = run.tables["samples"].to_pandas()
        right = dict(zip((key.replace("/", "+") for key in keys), clean.tolist(), strict=True))
        wrong = samples.class_name.astype(str) != samples.key.str.split("/").str[-1].map(right)
        ours = ranked(samples.label_suspicion.to_numpy(), wrong.to_numpy())
        yield case, ours, ranked(regression_suspicion(run), wrong.to_numpy())


def main(images: str, labels: str) -> int:
    """Print the table; return 1 if a number is below its least accepted value."""
    below = 0
    print("| labels | settings | AUROC | average precision | top 1 % | logistic regression | |")
    print("|---" * 7 + "|")
    with tempfile.TemporaryDirectory(prefix="eigenwave-labels-") as folder:
        for case, ours, theirs in rows(Path(images), Path(labels), Path(folder)):
            short = any(one < least for one, least in zip(ours, case.least, strict=True))
            below += short
            numbers = " | ".join(f"{one:.4f}" for one in ours)
            beside = ", ".join(f"{one:.4f}" for one in theirs)
            verdict = "BELOW" if short else ""
            print(f"| {case} | {numbers} | {beside} | {verdict} |", flush=True)
    return 1 if below else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or not all(Path(one).is_dir() for one in sys.argv[1:]):  # noqa: PLR2004
        sys.exit("Pass the folder of CIFAR-10, with class folders in train/, and the folder of human_labels.parquet.")
    sys.exit(main(*sys.argv[1:]))
