"""The recipes by which images become rows of shards: coefficients, those that labels are judged by, and properties."""

from typing import Literal, NamedTuple

import numpy as np

from storage.arrays.scratch import scratch
from storage.arrays.zarr import read_chunk
from storage.errors import DamagedError
from storage.pixels.facts import FACTS
from storage.pixels.layout import PixelLayout
from storage.pixels.payloads import STRICTNESS
from storage.runs.shards import Marker, find_shard, shard_key
from storage.tables.digests import Digests
from tasks.dtypes import Float32
from tasks.planning.space import judging_settings
from tasks.run.job import Job
from tasks.transform.version import PROPERTIES_VERSION, TRANSFORM_VERSIONS, address_of_version
from tasks.wavelet.properties import PropertySpace
from tasks.wavelet.reduced import ReducedSpace
from tasks.wavelet.space import CoefficientSpace


class Recipe(NamedTuple):
    """The recipe of the rows of a shard.

    Attributes
    ----------
    space
        Space of the rows.
    shape, dtype
        Number of rows and columns of a chunk, and type of its values.
    description, version
        Settings and version of the transform, for the address of a shard.
    listed
        Name of the manifest's list of such shards.
    """

    space: CoefficientSpace | ReducedSpace | PropertySpace
    shape: tuple[int, int]
    dtype: Literal["float32", "float16"]
    description: str
    version: str
    listed: Literal["shards", "judging_shards", "property_shards"]

    def key(self, digests: Digests) -> str:
        """Address of a shard of images with these digests (n, 16)."""
        return shard_key(digests.tobytes(), self.shape, self.description, self.version)

    def empty(self) -> Float32:
        """Make a chunk. That of the coefficients is in reused memory: see `storage.arrays.scratch`."""
        return scratch(self.shape, np.float32) if self.listed == "shards" else np.empty(self.shape, np.float32)

    def stored(self, job: Job, key: str) -> tuple[Marker | None, Float32]:
        """Return the stored shard at an address; no marker if no run has stored it, or it is damaged."""
        marker = find_shard(job.workspace, key)
        if marker is None:
            return None, np.empty((0, 0), np.float32)
        try:
            return marker, self.read(job, key)
        except DamagedError:
            return None, np.empty((0, 0), np.float32)

    def read(self, job: Job, key: str) -> Float32:
        """Read a stored shard; raises DamagedError if its chunk is damaged."""
        rows = read_chunk(job.workspace.chunk(key), self.shape, self.dtype)
        return rows if self.listed == "shards" else rows.copy()


def recipes(job: Job, layout: PixelLayout | None) -> list[Recipe]:
    """Return the recipes of the space that labels are judged in, if there is one, of properties, and of coefficients.

    Features have no properties of images.

    Parameters
    ----------
    job
        The run.
    layout
        Layout of the dataset's plain pixels, or None if it has image files.
    """
    decoded = f"{job.form}"
    if layout is None:  # plain pixels cannot be refused as damaged
        decoded += f" strictness {STRICTNESS}"
        if job.plan.channels == 1:
            decoded += ", no colour"  # earlier versions took color images for gray ones
        if job.form.fit is not None and not job.form.exact:
            decoded += ", scaled JPEG"  # earlier versions decoded every pixel
    rows, chosen = job.plan.rows_per_shard, job.settings
    own = Recipe(
        job.space,
        (rows, job.plan.coefficients),
        chosen.coefficients.dtype,
        f"{chosen.transform_part()} {decoded}",
        address_of_version(TRANSFORM_VERSIONS[chosen.coefficients.transform]),
        "shards",
    )
    if not job.space.pictured:
        return [own]
    space = PropertySpace(len(FACTS))
    version = address_of_version(PROPERTIES_VERSION)
    shape = (rows, space.coefficients)
    properties = Recipe(space, shape, "float32", f"properties {decoded}", version, "property_shards")
    judging = judging_settings(chosen)
    if judging is None or job.judging_space is None:
        return [properties, own]
    further = Recipe(
        job.judging_space,
        (rows, job.plan.judging_coefficients),
        judging.coefficients.dtype,
        f"{judging.transform_part()} at most {chosen.judging.judge_side} pixels a side, {decoded}",
        address_of_version(TRANSFORM_VERSIONS[judging.coefficients.transform]),
        "judging_shards",
    )
    return [further, properties, own]
