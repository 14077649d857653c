"""Rebuild an image of a finished run as the growing sum of its patterns."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from storage.errors import InputError
from storage.runs.run import Image, Run
from storage.settings import Settings
from tasks.planning.space import coefficient_space
from tasks.report.picture_files import Picture, write_pictures
from tasks.wavelet.space import CoefficientSpace

GRAY = 0.5


class Reconstruction(NamedTuple):
    """A written image: number of patterns, and peak signal-to-noise ratio in dB, None if the image is exact."""

    rank: int
    psnr: float | None


def reconstruct_image(run: Run, key: str, rank: int | None, path: Path, *, steps: bool) -> Reconstruction:
    """Write an image as the sum of the mean and its first patterns; with `steps`, the growing sums and the image too.

    Parameters
    ----------
    run
        A finished run.
    key
        The image's name in its source.
    rank
        Number of patterns; by default all.
    path
        Path of the PNG file.
    steps
        Whether to write a strip of images: sums of 0, 1, 2, 4, ... patterns above, and below, on gray, the difference
        that each step adds.

    Raises
    ------
    InputError
        If the image does not exist or was rejected, the run has fewer patterns, or its coefficients cannot be turned
        into images.
    EigenwaveError
        If the file cannot be written.
    """
    run.require_images()
    if not run.coefficients.attrs["invertible"]:
        transform = run.coefficients.attrs["transform"]
        raise InputError(
            f"The run {run.paths.run_id} has --transform {transform}, which has no inverse, so images cannot be "
            "rebuilt from its patterns; analyze the dataset with --transform dwt."
        )
    rank = run.pattern_images.shape[0] if rank is None else rank
    rebuilt, original = run.reconstruct(key, rank), _original(run, key)
    pictures = _steps(run, key, rank, original) if steps else [[Picture(rebuilt, "")]]
    write_pictures(path, pictures)
    noise = float(((np.clip(rebuilt, 0, 1) - original) ** 2).mean())
    return Reconstruction(rank, -10 * float(np.log10(noise)) if noise else None)


def _steps(run: Run, key: str, rank: int, original: Image) -> list[list[Picture]]:
    ranks = [0, *(2**power for power in range(rank.bit_length()) if 2**power < rank), *([rank] if rank else [])]
    sums = [run.reconstruct(key, number) for number in ranks]
    labels = ["mean", *(f"{number} pattern{'s' * (number > 1)}" for number in ranks[1:])]
    above = [Picture(values, label) for values, label in zip(sums, labels, strict=True)]
    added = zip(pairwise(ranks), pairwise(sums), strict=True)
    below = [Picture(GRAY + after - before, f"+ {_range(*step)}") for step, (before, after) in added]
    rest = Picture(GRAY + original - sums[-1], "+ the rest")
    blank = Picture(np.ones_like(original), "")
    return [[*above, Picture(original, "all coefficients")], [blank, *below, rest]]


def _range(start: int, stop: int) -> str:
    return f"pattern {start}" if stop == start + 1 else f"{start} to {stop - 1}"


def _original(run: Run, key: str) -> Image:
    """Rebuild the image from all its coefficients; it is exact unless some bands were dropped or changed."""
    image: Image = space_of(run).inverse(np.asarray(run.coefficients[run.row(key)], np.float32)[None])[0]
    return image


def space_of(run: Run) -> CoefficientSpace:
    """Return the space in which a run's images were analyzed."""
    plan, settings = run.manifest.plan, Settings.recorded(run.manifest.settings)
    return coefficient_space(settings, plan["height"], plan["width"], plan["channels"])
