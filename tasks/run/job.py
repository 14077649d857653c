"""The description of a run that workers receive: names and numbers, no data."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.pixels.images import MAX_PIXELS, ImageForm
from storage.runs.manifest import FORMAT_VERSION
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.tables.batches import read_batch
from storage.tables.schemas import PART
from tasks.dtypes import Mask
from tasks.planning.plan import Plan
from tasks.planning.space import coefficient_space, judging_space
from tasks.wavelet.bands import Scale, families
from tasks.wavelet.reduced import ReducedSpace
from tasks.wavelet.space import CoefficientSpace


@dataclass(frozen=True)
class Job:
    """The description of a run that workers receive.

    Attributes
    ----------
    source
        Address of the dataset.
    folder
        Address of the workspace.
    run_id
        Id of the run.
    settings, plan
        Settings and plan of the run.
    fitted_split
        Split that patterns are fitted on.
    format
        Name of the dataset's format, so that workers need not find it again.
    warm_start
        Folder of a finished run whose patterns the decomposition starts from, or None.
    rows_of
        Folder of a finished run whose numbering of rows this run keeps, or None.
    compared_with
        Id of the last finished run of the same source, which this run is compared with, or None.
    attempt
        Random text, new each time the run is begun or continued. Workers cache a dataset only for one attempt.
    runs
        Name of the workspace's folder that holds the run's folder.
    most_pixels
        Number of pixels of the largest image that there is memory to decode.
    format_version
        Version of the run's structure: that of an earlier version if it began the run.
    """

    source: str
    folder: str
    run_id: str
    settings: Settings
    plan: Plan
    fitted_split: str
    format: str
    warm_start: str | None
    rows_of: str | None
    compared_with: str | None
    attempt: str
    runs: str = "runs"
    most_pixels: int = MAX_PIXELS
    format_version: int = FORMAT_VERSION

    @property
    def workspace(self) -> Workspace:
        """The run's workspace."""
        return Workspace(self.folder)

    @property
    def paths(self) -> RunPaths:
        """The run's paths."""
        return self.workspace.run(self.run_id, self.runs, self.format_version)

    @property
    def form(self) -> ImageForm:
        """Shape and value range that images are converted to."""
        chosen = self.settings.coefficients
        fit = chosen.fit if chosen.size else None
        shape = (self.plan.height, self.plan.width, self.plan.channels)
        return ImageForm(*shape, fit, chosen.value_range, self.most_pixels, chosen.exact_resize)

    @property
    def pixels(self) -> int:
        """Number of pixel values of an image."""
        return self.plan.height * self.plan.width * self.plan.channels

    @cached_property
    def space(self) -> CoefficientSpace:
        """The space of the coefficients."""
        return coefficient_space(self.settings, self.plan.height, self.plan.width, self.plan.channels)

    @cached_property
    def judging_space(self) -> ReducedSpace | None:
        """The space of the coefficients that labels are judged by; None if the run's own patterns judge them.

        So it is in runs of versions that did not plan one.
        """
        plan = self.plan
        return judging_space(self.settings, plan.height, plan.width, plan.channels) if plan.judging_rank else None

    @cached_property
    def scales(self) -> list[list[Scale]]:
        """Sets of columns decomposed on their own, in families; the sets of a family do not overlap."""
        return families(self.space.bands, self.space.channels)

    def listed(self, shard: int) -> Any:  # noqa: ANN401 - an Arrow table
        """Read the listed samples of a shard."""
        return read_batch(self.paths.work.listing, shard)

    def part(self, shard: int, columns: list[str]) -> Any:  # noqa: ANN401 - an Arrow table
        """Read some columns of a shard's part file (the outcome of the transform) and of its listing."""
        part = read_batch(self.paths.work.part(shard))
        others = [name for name in columns if name not in PART.names]
        if others:
            listed = self.listed(shard)
            for name in others:
                part = part.append_column(name, listed[name])
        return part.select(columns)

    def used(self, shard: int) -> Mask:
        """Mask of a shard's rows that patterns are fitted on: valid, labelled, and of the fitted split."""
        part = self.part(shard, ["class_id", "split", "reason"])
        return np.asarray(pc.and_(pc.is_null(part["reason"]), fitted(part, self.fitted_split)))


def fitted(samples: pa.Table, split: str) -> pa.ChunkedArray:
    """Mask of the rows that hold a labelled image of a split."""
    labelled = pc.greater_equal(samples["class_id"], 0)
    return pc.and_(labelled, pc.equal(samples["split"].cast(pa.string()), split))
