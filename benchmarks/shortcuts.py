"""How often a planted shortcut gets its verdict: `python -m benchmarks.shortcuts [SEEDS] [FOLDER]`.

Every image is put at one of two sites. Images of one site are made brighter, or not. The site goes with the class, with
a correlation of .8, or not at all. Images are scikit-learn's digits, or 2,000 drawn from a folder of class folders.
One row a setting is printed.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tasks.dtypes import Float64, Int64
from tasks.run.worker import single_threaded
from tasks.statistics.contingency import random_tables
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.rightness import Rightness
from tasks.statistics.shortcuts import Shortcut, examine
from tasks.statistics.value_cells import Cells, CellSums
from tasks.statistics.within_class import Readers

DRAWN = 2000
SIDE = 16  # pixels, of images from a folder
RANK = 32
SHUFFLES = 200


class Planted(NamedTuple):
    """A setting: correlation of site and class, and by how much one site is brighter, in parts of the full range."""

    correlation: float
    brighter: float


SETTINGS = {
    "goes with the class": Planted(0.8, 0.1),
    "does not go with the class": Planted(0.0, 0.1),
    "goes with the class, not in the images": Planted(0.8, 0.0),
    "neither": Planted(0.0, 0.0),
}


def shortcut_of(scores: Float64, labels: Int64, values: Int64, seed: int = 0) -> Shortcut:
    """Examine a column with values (n,) for images with scores (n, k) and labels (n,)."""
    ids = np.random.default_rng([seed, 1]).integers(0, 2**63, len(labels)).astype(np.uint64)
    cells = Cells.of(values, labels, ids, ids, seed)
    sums = CellSums.of(scores, cells, int(values.max()) + 1, int(labels.max()) + 1)
    judges, readers = ValueJudges.of(sums), Readers.of(sums)
    found = Rightness.of(scores, cells, judges, readers)
    return examine(sums, found, judges, readers, random_tables(sums.table, SHUFFLES, seed))


def scores_of(images: Float64, rank: int = RANK) -> Float64:
    """Scores (n, k) of images (n, p) along their leading principal axes."""
    centred = images - images.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ vectors[:, -rank:], np.float64)


def sites_of(labels: Int64, correlation: float, random: np.random.Generator) -> Int64:
    """Draw a site for each image (n,), which goes with the half of the classes that its label is in."""
    half = labels > labels.max() // 2
    as_given = random.random(len(labels)) < (1 + correlation) / 2
    return np.asarray(half == as_given, np.int64)


@single_threaded
def examined(images: Float64, labels: Int64, planted: Planted, seed: int) -> Shortcut:
    """Plant a site in images (n, p), and examine it."""
    random = np.random.default_rng(seed)
    sites = sites_of(labels, planted.correlation, random)
    noise = 0.02 * random.standard_normal(images.shape)  # no two images alike at the border of the range
    return shortcut_of(scores_of(images + noise + planted.brighter * sites[:, None]), labels, sites, seed)


def images_of(folder: Path) -> tuple[Float64, Int64]:
    """Draw images (n, p) in [0, 1] of the first two class folders, with their labels (n,)."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())[:2]
    found = [(path, label) for label, own in enumerate(classes) for path in sorted(own.iterdir())]
    chosen = np.random.default_rng(0).choice(len(found), min(DRAWN, len(found)), replace=False)
    pixels = [np.asarray(Image.open(found[one][0]).convert("RGB").resize((SIDE, SIDE))).ravel() for one in chosen]
    return np.stack(pixels) / 255, np.array([found[one][1] for one in chosen])


def cases(folder: Path | None) -> dict[str, tuple[Float64, Int64]]:
    """List datasets, each with images and labels."""
    if folder is not None:
        return {folder.name: images_of(folder)}
    digits = load_digits()
    pixels = digits.data / 16
    return {"digits, below 5 or not": (pixels, digits.target // 5), "digits, ten classes": (pixels, digits.target)}


def row(name: str, setting: str, found: list[Shortcut]) -> str:
    """Describe what was found for all seeds: verdicts, and means of the numbers."""
    verdicts = ", ".join(f"{word} {count}" for word, count in Counter(one.verdict for one in found).most_common())
    numbers = [
        (one.told.cramers_v, one.read.accuracy.value, one.lost.accuracy, one.lost.inflation.value, one.lost.loss.value)
        for one in found
    ]
    means = " | ".join(f"{mean:.3f}".replace("0.", ".", 1) for mean in np.mean(numbers, axis=0))
    return f"| {name} | {setting} | {verdicts} | {means} |"


def main(seeds: int, folder: Path | None) -> None:
    """Print a row for each dataset and setting."""
    print("| images | the site | verdicts | V | read within classes | accuracy | inflation | loss |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (images, labels) in cases(folder).items():
        for setting, planted in SETTINGS.items():
            found = [examined(images, labels, planted, seed) for seed in range(seeds)]
            print(row(name, setting, found), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, Path(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004
