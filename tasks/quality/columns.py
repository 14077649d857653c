"""The numbers of each image that its quality is judged by, as columns."""

from collections.abc import Mapping

import numpy as np

from storage.arrays.npy import load_npy
from storage.pixels.facts import BLOCK, FACTS, MODES
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.state import load_properties
from tasks.wavelet.properties import PROPERTIES

Columns = Mapping[str, Float64]


def image_columns(job: Job, shard: int) -> dict[str, Float64]:
    """Read the facts, properties and distances of a shard's images, each (n,) float64; NaN where unknown."""
    found = dict(zip((*FACTS, *PROPERTIES), load_properties(job, shard).T.astype(np.float64), strict=True))
    found["bytes"] = found.pop("full_64_kib") * BLOCK + found.pop("further_bytes")
    energy, unexplained = load_npy(job.paths.work.energy(shard)).T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(energy > 0, unexplained / energy, np.nan)
        found["pixels"], found["aspect"] = found["width"] * found["height"], found["width"] / found["height"]
    found["variation"] = np.hypot(found["contrast"], found["colour_contrast"])
    found |= {"residual_energy": unexplained, "residual_share": share}
    found["class_distance"] = load_npy(job.paths.work.distance(shard)).astype(np.float64)
    return found


def mode_names(numbers: Float64) -> list[str | None]:
    """Names of modes by their numbers (n,); None where unknown."""
    return [None if np.isnan(number) else MODES[int(number)] for number in numbers]
