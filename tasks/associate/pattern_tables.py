"""The tables of patterns, and of pairs of pattern and class."""

import dataclasses

import numpy as np

from storage.arrays.zarr import open_array
from tasks.associate.findings import Findings
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.results import Energy
from tasks.statistics.association import largest
from tasks.statistics.concentration import concentration
from tasks.statistics.ranks import area_under_curve, kruskal_wallis
from tasks.statistics.shift import optimism, split_shift


def pattern_columns(found: Findings, job: Job) -> dict[str, object]:
    """Return the columns of the table `patterns`."""
    squares, ranks = found.projected.squares, found.verdicts.ranks
    ties = found.summary.distribution.ties()
    tests = [
        kruskal_wallis(counts, rank_sums, ties) for counts, rank_sums in zip(ranks.counts, ranks.sums, strict=True)
    ]
    unknown = np.full((2, found.rank), np.nan)
    information = found.information if len(found.information) else unknown
    return found.by_pattern() | {
        "pattern": np.arange(found.rank, dtype=np.int32),
        "singular_value": np.sqrt(squares),
        "energy_share": squares / found.totals.energy,
        "cumulative_energy": np.cumsum(squares) / found.totals.energy,
        "residual": found.projected.residuals,
        "psnr": psnr(found.projected.held_out, job.pixels) if job.space.orthonormal else unknown[0],
        "kruskal_wallis": tests[0][0],
        "kruskal_wallis_p_value": unknown[0] if found.by_group else tests[0][1],
        "mutual_information": information[0],
        **_concentrations(job, found.rank),
        **_shift(found, other_split=job.plan.other_split),
        "null_kruskal_wallis_max": largest(statistic for statistic, _ in tests[1:]),
        "null_mutual_information_max": largest(information[1:]),
        "top_class": [found.names[top] if top >= 0 else None for top in found.top_classes()],
    }


def _concentrations(job: Job, rank: int) -> dict[str, object]:
    """Measure where each pattern lies in the image; null for a space whose patterns are no images."""
    shares = np.full((rank, 3), np.nan)
    if job.space.invertible:
        images = open_array(job.paths.pattern_images)
        shares = np.array([concentration(np.asarray(images[number])) for number in range(rank)])
    return dict(zip(("pixel_share", "line_share", "border_share"), shares.T, strict=True))


def _shift(found: Findings, *, other_split: bool) -> dict[str, object]:
    """Shift of the held-out images' scores; null if they were drawn from the images that patterns are fitted on."""
    fitted_too_well = optimism(found.projected.squares, found.totals.energy, found.totals.fitted)
    mean, ratio, p_value = split_shift(found.summary.scatter, found.summary.distribution.counts, fitted_too_well)
    columns = {"held_out_mean_shift": mean, "held_out_variance_ratio": ratio, "held_out_shift_p_value": p_value}
    if found.by_group:  # few groups may differ by chance in what many images cannot
        columns["held_out_shift_p_value"] = np.full(found.rank, np.nan)
    return {name: values if other_split else np.full(found.rank, np.nan) for name, values in columns.items()}


def pair_columns(found: Findings) -> dict[str, object]:
    """Return the columns of the table `pattern_class`."""
    classes, rank = found.sums.sums.shape
    areas = map(area_under_curve, found.verdicts.ranks.counts, found.verdicts.ranks.sums)
    by_pair = {field.name: getattr(found.by_pair, field.name) for field in dataclasses.fields(found.by_pair)} | {
        "auc": next(areas).T,
        "null_cohens_d_max": found.shuffled.cohens_d,
        "null_auc_max": largest(0.5 + np.abs(area - 0.5) for area in areas).T,
    }
    return {
        "pattern": np.repeat(np.arange(rank, dtype=np.int32), classes),
        "class_id": np.tile(np.arange(classes, dtype=np.int32), rank),
        "n": np.tile(found.sums.counts, rank),
    } | {name: values.ravel() for name, values in by_pair.items()}


def psnr(energy: Energy, pixels: int) -> Float64:
    """Peak signal-to-noise ratio (k,) in dB of images rebuilt from the first 1, 2, ..., k patterns.

    An image has `pixels` values in [0, 1], and its coefficients have the same energy. The result is NaN if there are no
    images, and where the remaining error is below rounding.
    """
    left = energy.total - np.cumsum(energy.squares)
    left[left <= np.finfo(np.float32).eps * energy.total] = np.nan
    result: Float64 = -10 * np.log10(left / (energy.images * pixels)) if energy.images else np.full_like(left, np.nan)
    return result
