"""A run as its workers know it: names and numbers, no data."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.pixels.images import ImageForm
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.tables.batches import read_batch
from storage.tables.schemas import PART, REMOVED
from tasks.dtypes import Mask
from tasks.planning.plan import Plan
from tasks.planning.space import coefficient_space
from tasks.wavelet.bands import Scale, families
from tasks.wavelet.space import CoefficientSpace


@dataclass(frozen=True)
class Job:
    """All that a worker must know of a run: names and numbers, no data.

    Attributes
    ----------
    source
        Address of the dataset.
    folder
        Address of the workspace.
    run_id
        The run.
    settings, plan
        What it was asked for, and what it will do.
    fitted_split
        Split that patterns are fitted on.
    warm_start
        Folder of a finished run whose patterns the decomposition starts from, or None.
    rows_of
        Folder of a finished run that images have their rows from, or None.
    compared_with
        Id of the last finished run of the same source, that this one is compared with, or None.
    attempt
        Another each time the run is begun or continued: what a worker remembers of a dataset must not outlive it.
    runs
        Folder of the workspace that the run's folder is in.
    """

    source: str
    folder: str
    run_id: str
    settings: Settings
    plan: Plan
    fitted_split: str
    warm_start: str | None
    rows_of: str | None
    compared_with: str | None
    attempt: str
    runs: str = "runs"

    @property
    def workspace(self) -> Workspace:
        """The workspace's paths."""
        return Workspace(self.folder)

    @property
    def paths(self) -> RunPaths:
        """The run's paths."""
        return self.workspace.run(self.run_id, self.runs)

    @property
    def form(self) -> ImageForm:
        """The shape images are brought to."""
        chosen = self.settings.coefficients
        fit = chosen.fit if chosen.size else None
        return ImageForm(self.plan.height, self.plan.width, self.plan.channels, fit, chosen.value_range)

    @property
    def pixels(self) -> int:
        """Pixel values an image."""
        return self.plan.height * self.plan.width * self.plan.channels

    @cached_property
    def space(self) -> CoefficientSpace:
        """The space of the coefficients."""
        return coefficient_space(self.settings.coefficients, self.plan.height, self.plan.width, self.plan.channels)

    @cached_property
    def scales(self) -> list[list[Scale]]:
        """The columns that are decomposed on their own, in families that do not overlap."""
        return families(self.space.bands, self.space.channels)

    def listed(self, shard: int) -> Any:  # noqa: ANN401 - an Arrow table
        """The samples of a shard, as the dataset has them."""
        return read_batch(self.paths.work.listing, shard)

    def part(self, shard: int, columns: list[str]) -> Any:  # noqa: ANN401 - an Arrow table
        """Some columns of what became of the images of a shard, and of the listing, which says who they are."""
        part = read_batch(self.paths.work.part(shard))
        others = [name for name in columns if name not in PART.names]
        if others:
            listed = self.listed(shard)
            for name in others:
                part = part.append_column(name, listed[name])
        return part.select(columns)

    def used(self, shard: int) -> Mask:
        """Which rows of a shard are fitted on: valid, and of the right split."""
        part = self.part(shard, ["split", "reason"])
        used = pc.and_(pc.is_null(part["reason"]), pc.equal(part["split"].cast("string"), self.fitted_split))
        return np.asarray(used)


def fitted(samples: pa.Table, split: str) -> pa.ChunkedArray:
    """Which rows hold an image of a split."""
    there = pc.not_equal(samples["class_id"], REMOVED)
    return pc.and_(there, pc.equal(samples["split"].cast(pa.string()), split))
