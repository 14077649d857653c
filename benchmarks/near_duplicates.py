"""Measure how many near-duplicates a run finds: pairs that people judged, and altered copies of its own images.

`python -m benchmarks.near_duplicates RUN FOLDER PAIRS`: a finished run, the folder of its images, and a Parquet file
with the columns test, train (keys) and judgment (1: near-duplicate, 2: similar; Barz and Denzler, 2020).
"""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps
from threadpoolctl import threadpool_limits

from storage.arrays.zarr import open_array, read_array
from storage.runs.run import Run, open_run
from storage.settings import Settings
from tasks.dtypes import Float32, Float64, Int64
from tasks.planning.space import judging_space
from tasks.statistics.mirror import PREDICTORS, SAMPLED, fit_mirror, mirror
from tasks.statistics.near_duplicates import LARGEST_MIRRORED, LEAST_YARDSTICK, yardsticks_of
from tasks.statistics.neighbours import PATTERNS, Neighbours, nearest, scales_of
from tasks.svd.products import project

ALTERED = 600
BLOCK = 8192


def saved_as_jpeg(image: Image.Image) -> Image.Image:
    """Save an image as JPEG of quality 40, and read it again."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB")


def without_border(image: Image.Image) -> Image.Image:
    """Remove a sixteenth on each side, and resize to the size before."""
    width, height = image.size
    border = width // 16, height // 16
    inner = image.crop((*border, width - border[0], height - border[1]))
    return inner.resize(image.size, Image.Resampling.BICUBIC)


def moved(image: Image.Image) -> Image.Image:
    """Move an image by two pixels to the left and up."""
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, 2, 0, 1, 2))


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG of quality 40": saved_as_jpeg,
    "brighter by a fifth": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "without a border": without_border,
    "gray": lambda image: image.convert("L").convert("RGB"),
    "moved by two pixels": moved,
    "mirrored": ImageOps.mirror,
}


def listed_pairs(run: Run, path: str) -> None:
    """Print which part of the listed pairs is in the table `near_duplicates`."""
    table = run.tables["near_duplicates"]
    found = {frozenset(pair) for pair in zip(*(table[name].to_pylist() for name in ("key", "other_key")), strict=True)}
    pairs = pq.read_table(path).to_pylist()
    for judgment, word in ((1, "near-duplicates"), (2, "similar")):
        mine = [frozenset((pair["test"], pair["train"])) in found for pair in pairs if pair["judgment"] == judgment]
        print(f"{word}: {sum(mine)} of {len(mine)} pairs are found")


def altered_copies(run: Run, folder: Path) -> None:
    """Print which part of the altered copies of some images the rule finds among all, and the time of a query."""
    every = np.asarray(open_array(run.paths.judging_scores)[:, :PREDICTORS], np.float32)
    scores = every[:, :PATTERNS]
    scales = scales_of(scores.std(axis=0, dtype=np.float64)).astype(np.float32)
    limit = run.tables["duplication"]["largest_ratio"][0].as_py()
    chosen = np.random.default_rng(0).choice(len(scores), ALTERED + SAMPLED, replace=False)
    rows, others = np.sort(chosen[:ALTERED]), np.sort(chosen[ALTERED:])
    images = _images(run, folder, rows)
    mirrored = _projected(run, [ImageOps.mirror(image) for image in _images(run, folder, others)])
    fitted = fit_mirror(every[others].astype(np.float64), mirrored.astype(np.float64))
    own = _searched(rows, scores[rows] * scales, scores * scales)
    least = LEAST_YARDSTICK * float(np.median(yardsticks_of(own.distances)))
    for name, alter in ALTERATIONS.items():
        start = time.process_time()
        copies = _projected(run, [alter(image) for image in images]) * scales
        found = _searched(len(scores) + np.arange(ALTERED), copies, scores * scales)
        yardsticks = np.maximum(yardsticks_of(found.distances), yardsticks_of(own.distances))
        # A mirrored copy is looked for at the scores that the mirror image of an image should have.
        looked = mirror(every[rows].astype(np.float64), fitted) if name == "mirrored" else scores[rows]
        distances: Float64 = np.sqrt(((copies - looked * scales) ** 2).sum(axis=1))
        largest = min(limit, LARGEST_MIRRORED) if name == "mirrored" else limit
        recall = (distances < largest * np.maximum(yardsticks, least)).mean()
        each = (time.process_time() - start) / ALTERED
        print(f"{name}: {recall:.3f} of {ALTERED} are found; {1e6 * each:.0f} microseconds of CPU each")


def _images(run: Run, folder: Path, rows: Int64) -> list[Image.Image]:
    """Open the images of some rows."""
    keys = run.tables["samples"]["key"].take(rows).to_pylist()
    return [Image.open(folder / key).convert("RGB") for key in keys]


def _projected(run: Run, images: list[Image.Image]) -> Float32:
    """Scores of images on the patterns that a run judges labels by (n, k)."""
    shape = run.manifest.plan["height"], run.manifest.plan["width"], run.manifest.plan["channels"]
    space = judging_space(Settings.recorded(run.manifest.settings), *shape)
    if space is None:
        raise SystemExit("The run judges labels by its own patterns; run again with --judge-space modulus.")
    pixels = np.stack([np.asarray(image, np.float32) for image in images]) / np.float32(255)
    patterns = np.ascontiguousarray(read_array(run.paths.judging_patterns)[:PATTERNS].T)
    return project(space.forward(pixels), patterns, read_array(run.paths.judging_mean))


def _searched(rows: np.ndarray, queries: Float32, scores: Float32) -> Neighbours:
    every = np.arange(len(scores))
    blocks = [(every[at : at + BLOCK], scores[at : at + BLOCK]) for at in range(0, len(scores), BLOCK)]
    return nearest((rows, queries), blocks)


if __name__ == "__main__":
    with threadpool_limits(1):
        opened = open_run(sys.argv[1])
        listed_pairs(opened, sys.argv[3])
        altered_copies(opened, Path(sys.argv[2]))
